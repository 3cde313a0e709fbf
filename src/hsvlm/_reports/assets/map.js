"use strict";
// Maps to look around in. The page holds settings as JSON and rasters as compressed text; texts are
// only ever set as textContent.
(() => {
  const TYPES = {
    uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array,
    uint32: Uint32Array, int32: Int32Array, float32: Float32Array,
  };
  // Cividis: even steps of lightness, also as seen with deuteranopia or protanopia.
  const RAMP = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"];
  const AGREEMENT = ["", "agrees with the map", "differs from the map", "trained on"];
  const AGREEMENT_COLORS = ["#000000", "#0072b2", "#d55e00", "#9a9a9a"];
  const MAX_MEANS = 3;
  const GAP_STEPS = 3; // a longer step between bands, in median steps, breaks the line

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  const pixelColor = (hex, alpha = 255) => {
    const value = parseInt(hex.replace("#", "").slice(0, 6), 16);
    const red = value >> 16, green = (value >> 8) & 255, blue = value & 255;
    return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  };

  const rampColors = () => {
    const colors = new Uint32Array(256);
    const anchors = RAMP.map(hex => [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)));
    for (let level = 0; level < 256; level++) {
      const place = (level / 255) * (anchors.length - 1);
      const first = Math.min(Math.floor(place), anchors.length - 2);
      const [red, green, blue] = anchors[first].map(
        (value, channel) => Math.round(value + (place - first) * (anchors[first + 1][channel] - value)));
      colors[level] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }
    return colors;
  };

  const unpack = async (text, type) => {
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let place = 0; place < bytes.length; place++) bytes[place] = characters.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new TYPES[type](await new Response(stream).arrayBuffer());
  };

  const readBlocks = async (root, descriptions) => {
    const blocks = {};
    for (const [name, { types, shape, step }] of Object.entries(descriptions)) {
      const arrays = [];
      for (const [place, type] of types.entries()) {
        const script = root.querySelector(`[data-block="${name}-${place}"]`);
        arrays.push(await unpack(script.textContent, type));
        script.remove();
      }
      const [planes, height, width] = shape;
      blocks[name] = {
        arrays, step, planes, height, width,
        // Place of the stored pixel that stands for a pixel of the map.
        place: (row, col) => Math.floor(row / step) * width + Math.floor(col / step),
      };
    }
    return blocks;
  };

  const percent = level => `${(level / 2.55).toFixed(1)} %`;
  const number = value => value.toLocaleString("en-US");

  class MapView {
    constructor(root, settings, blocks) {
      this.root = root;
      this.settings = settings;
      this.blocks = blocks;
      this.codes = blocks.codes.arrays[0];
      this.isShown = new Uint8Array(settings.classes.length + 1).fill(1);
      this.isShown[0] = 0;
      this.ramp = rampColors();
      this.classColors = Uint32Array.from(
        [0, ...settings.classes.map(entry => pixelColor(entry.color))]);
      this.agreementColors = Uint32Array.from(AGREEMENT_COLORS, color => pixelColor(color));
      this.layer = "classes";
      this.ofClass = 0;
      this.pixel = null;
      this.build();
      this.paint();
    }

    name(code) {
      return this.settings.classes[code - 1].name;
    }

    build() {
      const { root } = this;
      this.mapElement = make("div", {
        class: "map-canvas", role: "application",
        "aria-label": "Map. Arrow keys move it, plus and minus zoom. Choose a pixel with the fields for row and column.",
      });
      this.side = make("div", { class: "map-side" });
      root.append(this.controls(), make("div", { class: "map-body" }, this.mapElement, this.side));
      this.side.append(this.legend(), this.panel());
      this.createMap();
    }

    layers() {
      const { blocks } = this;
      const layers = { classes: "Classes" };
      if (blocks.confidence) layers.probability = "Probability";
      if (blocks.entropy) layers.entropy = "Entropy";
      if (blocks.reference) Object.assign(layers, { reference: "Reference", errors: "Errors" });
      return layers;
    }

    controls() {
      const id = this.root.id;
      const choices = make("fieldset", { class: "map-layers" }, make("legend", {}, "Layer"));
      for (const [name, title] of Object.entries(this.layers())) {
        const input = make("input", { type: "radio", name: `${id}-layer`, value: name, checked: name === "classes" });
        input.addEventListener("change", () => { this.layer = name; this.paint(); });
        choices.append(make("label", {}, input, title));
      }
      this.ofClassSelect = make("select", {}, make("option", { value: 0 }, "the class of the map"));
      this.settings.classes.forEach((entry, place) => {
        this.ofClassSelect.append(make("option", { value: place + 1 }, entry.name));
      });
      this.ofClassSelect.addEventListener("change", () => {
        this.ofClass = Number(this.ofClassSelect.value);
        this.paint();
      });
      this.ofClassLabel = make("label", { hidden: true }, "Probability of ", this.ofClassSelect);
      const opacity = make("input", { type: "range", min: 0, max: 100, value: 100, "aria-label": "Opacity of the layer" });
      opacity.addEventListener("input", () => this.overlay.setOpacity(opacity.value / 100));
      this.opacity = opacity;
      this.key = make("div", { class: "map-key" });
      this.definition = make("p", { class: "map-definition" });
      return make("div", { class: "map-controls" }, choices, this.ofClassLabel,
        make("label", {}, "Opacity ", opacity), this.key, this.definition);
    }

    legend() {
      const list = make("ul", { class: "map-classes" });
      this.legendButtons = this.settings.classes.map((entry, place) => {
        const area = [`${number(entry.pixels)} px`, entry.area].filter(Boolean).join(", ");
        const swatch = make("span", { class: "map-swatch", "aria-hidden": "true" });
        swatch.style.backgroundColor = entry.color;
        const button = make("button", { type: "button", "aria-pressed": "true" },
          swatch, make("span", { class: "class-name" }, entry.name), make("span", { class: "count" }, area));
        button.addEventListener("click", () => this.show([place + 1], !this.isShown[place + 1]));
        list.append(make("li", {}, button));
        return button;
      });
      const codes = this.settings.classes.map((_, place) => place + 1);
      const all = make("button", { type: "button" }, "Show all");
      all.addEventListener("click", () => this.show(codes, true));
      const none = make("button", { type: "button" }, "Hide all");
      none.addEventListener("click", () => this.show(codes, false));
      return make("section", { class: "map-legend", "aria-label": "Classes" },
        make("h3", {}, "Classes"), make("div", { class: "map-buttons" }, all, none), list);
    }

    panel() {
      const [height, width] = this.settings.shape;
      const field = (label, max) => {
        const input = make("input", { type: "number", min: 0, max: max - 1, step: this.settings.step, "aria-label": label });
        input.addEventListener("input", () => {
          const row = parseInt(this.rowInput.value, 10), col = parseInt(this.colInput.value, 10);
          if (row >= 0 && row < height && col >= 0 && col < width) this.choose(row, col, true);
        });
        return input;
      };
      this.rowInput = field("Row", height);
      this.colInput = field("Column", width);
      this.details = make("div", { class: "map-details" },
        make("p", {}, "Click on the map, or enter a row and a column."));
      this.announcement = make("p", { class: "map-announcement", role: "status" });
      this.chartElement = make("div", { class: "map-chart" });
      this.chartNote = make("p", { class: "map-note" });
      return make("section", { class: "map-panel", "aria-label": "Pixel" }, make("h3", {}, "Pixel"),
        make("div", { class: "map-buttons" }, make("label", {}, "Row ", this.rowInput), make("label", {}, "Column ", this.colInput)),
        this.announcement, this.details, this.chartElement, this.chartNote);
    }

    createMap() {
      const { height, width } = this.settings;
      const map = L.map(this.mapElement, {
        crs: L.CRS.Simple, attributionControl: false, zoomSnap: 0.5, minZoom: -8, maxZoom: 7,
        preferCanvas: false,
      });
      const bounds = [[-height, 0], [0, width]];
      const image = this.root.querySelector("[data-image]");
      L.imageOverlay(image.src, bounds, { alt: this.settings.imageNote, className: "map-image" }).addTo(map);
      image.remove();
      this.canvas = document.createElement("canvas");
      this.context = this.canvas.getContext("2d", { willReadFrequently: true });
      this.canvas.setAttribute("class", "map-layer");
      this.overlay = L.svgOverlay(this.canvas, bounds).addTo(map);
      map.fitBounds(bounds);
      map.setMinZoom(map.getZoom() - 1);
      map.setMaxBounds([[-height - height / 2, -width / 2], [height / 2, width + width / 2]]);
      map.on("click", event => {
        const row = Math.floor(-event.latlng.lat), col = Math.floor(event.latlng.lng);
        if (row < 0 || row >= height || col < 0 || col >= width) return;
        this.choose(row * this.settings.step, col * this.settings.step, false);
      });
      this.map = map;
      new ResizeObserver(() => { map.invalidateSize(); this.resizeChart(); }).observe(this.root);
      for (const query of ["(prefers-color-scheme: dark)", "print"]) {
        matchMedia(query).addEventListener("change", () => this.drawChart());
      }
    }

    show(codes, isShown) {
      for (const code of codes) {
        this.isShown[code] = isShown ? 1 : 0;
        this.legendButtons[code - 1].setAttribute("aria-pressed", String(Boolean(isShown)));
      }
      this.paint();
    }

    // Values and colors of the layer, and the raster of classes that hides pixels (null: that of the map).
    source() {
      const { blocks, ramp } = this;
      const full = blocks.codes;
      switch (this.layer) {
        case "probability":
          if (this.ofClass) return { block: (blocks.ranks || blocks.confidence), values: this.probabilities(), colors: ramp, gate: null };
          return { block: blocks.confidence, values: blocks.confidence.arrays[0], colors: ramp, gate: null };
        case "entropy":
          return { block: blocks.entropy, values: blocks.entropy.arrays[0], colors: ramp, gate: null };
        case "reference":
          return { block: blocks.reference, values: blocks.reference.arrays[0], colors: this.classColors, gate: blocks.reference.arrays[0] };
        case "errors":
          return { block: blocks.reference, values: blocks.reference.arrays[1], colors: this.agreementColors, gate: blocks.reference.arrays[0] };
        default:
          return { block: full, values: this.codes, colors: this.classColors, gate: this.codes };
      }
    }

    // Probability of one class, on the grid of the other classes; 0 where it is not stored.
    probabilities() {
      const { blocks, codes, ofClass, settings } = this;
      const grid = blocks.ranks || blocks.confidence;
      const size = grid.height * grid.width;
      const values = new Uint8Array(size);
      const confidence = blocks.confidence;
      for (let row = 0; row < grid.height; row++) {
        for (let col = 0; col < grid.width; col++) {
          const place = row * grid.width + col;
          const fullRow = row * grid.step, fullCol = col * grid.step;
          if (codes[fullRow * settings.width + fullCol] === ofClass) {
            values[place] = confidence.arrays[0][confidence.place(fullRow, fullCol)];
          } else if (blocks.ranks) {
            for (let rank = 0; rank < grid.planes; rank++) {
              if (grid.arrays[0][rank * size + place] === ofClass) {
                values[place] = grid.arrays[1][rank * size + place];
                break;
              }
            }
          }
        }
      }
      return values;
    }

    paint() {
      const { block, values, colors, gate } = this.source();
      const { canvas, context, isShown, codes } = this;
      const { height, width, step } = block;
      if (canvas.width !== width || canvas.height !== height || !this.imageData) {
        canvas.width = width;
        canvas.height = height;
        this.imageData = context.createImageData(width, height);
        this.overlay.setBounds([[-height * step, 0], [0, width * step]]);
      }
      const pixels = new Uint32Array(this.imageData.data.buffer);
      if (gate || step === 1) {
        const classes = gate || codes;
        for (let place = 0; place < pixels.length; place++) {
          pixels[place] = isShown[classes[place]] ? colors[values[place]] : 0;
        }
      } else {
        for (let row = 0, place = 0; row < height; row++) {
          let full = row * step * this.settings.width;
          for (let col = 0; col < width; col++, place++, full += step) {
            pixels[place] = isShown[codes[full]] ? colors[values[place]] : 0;
          }
        }
      }
      context.putImageData(this.imageData, 0, 0);
      this.describeLayer();
    }

    describeLayer() {
      const { key, definition, layer } = this;
      this.ofClassLabel.hidden = layer !== "probability" || !this.blocks.ranks;
      key.replaceChildren();
      const texts = {
        classes: "The class of each pixel in the map. Select a class in the list to hide it or to show it again; the opacity lets the scene shine through.",
        probability: "Probability: the share, from 0 to 1, that the classifier assigns to a class at a pixel; those of all classes add up to 1. It is an estimate of the classifier, not a measured accuracy.",
        entropy: "Entropy: 0 where the classifier is certain of a class, 1 where all classes are equally probable.",
        reference: "The labels of the reference. Most pixels may have none.",
        errors: "Pixels of the reference, compared with the map. Pixels that the classifier was trained on say nothing about its accuracy.",
      };
      definition.textContent = texts[layer];
      if (layer === "probability" && this.ofClass && this.blocks.ranks) {
        const ranks = this.blocks.ranks.planes;
        if (ranks + 1 < this.settings.classes.length) {
          definition.textContent += ` The ${ranks + 1} largest are stored; where the class is not among them, 0 is shown.`;
        }
      }
      if (layer === "probability" || layer === "entropy") {
        const ramp = make("canvas", { width: 256, height: 1, class: "ramp", role: "img", "aria-label": "Colors from 0, dark blue, to 1, yellow" });
        const context = ramp.getContext("2d");
        const data = context.createImageData(256, 1);
        new Uint32Array(data.data.buffer).set(this.ramp);
        context.putImageData(data, 0, 0);
        key.append("0", ramp, "1");
      } else if (layer === "errors") {
        const present = new Set(this.blocks.reference.arrays[1]);
        for (const code of [1, 2, 3].filter(value => present.has(value))) {
          const swatch = make("span", { class: "map-swatch", "aria-hidden": "true" });
          swatch.style.backgroundColor = AGREEMENT_COLORS[code];
          key.append(make("span", { class: "map-entry" }, swatch, AGREEMENT[code]));
        }
      }
    }

    // Row and column of the scene.
    choose(sceneRow, sceneCol, moves) {
      const { settings } = this;
      const row = Math.floor(sceneRow / settings.step), col = Math.floor(sceneCol / settings.step);
      this.pixel = { row, col, sceneRow: row * settings.step, sceneCol: col * settings.step };
      const shown = [[this.rowInput, this.pixel.sceneRow], [this.colInput, this.pixel.sceneCol]];
      for (const [input, value] of shown) {
        if (input !== document.activeElement) input.value = value; // not while someone types
      }
      this.mark();
      this.describePixel();
      this.drawChart();
      const center = [-row - 0.5, col + 0.5];
      if (moves && !this.map.getBounds().contains(center)) this.map.panTo(center);
    }

    mark() {
      const { row, col } = this.pixel;
      const bounds = [[-row, col], [-row - 1, col + 1]];
      const center = [-row - 0.5, col + 0.5];
      if (!this.marks) {
        const style = { fill: false, interactive: false };
        this.marks = [
          L.circleMarker(center, { ...style, radius: 11, color: "#ffffff", weight: 5 }),
          L.circleMarker(center, { ...style, radius: 11, color: "#000000", weight: 2 }),
          L.rectangle(bounds, { ...style, color: "#000000", weight: 1 }),
        ];
        this.marks.forEach(mark => mark.addTo(this.map));
      }
      this.marks[0].setLatLng(center);
      this.marks[1].setLatLng(center);
      this.marks[2].setBounds(bounds);
    }

    // Codes with probabilities at the pixel, from the most probable on; empty if they are unknown.
    ranking() {
      const { row, col } = this.pixel;
      const { confidence, ranks } = this.blocks;
      const code = this.codes[row * this.settings.width + col];
      if (!confidence || !code) return [];
      const ranking = [[code, confidence.arrays[0][confidence.place(row, col)]]];
      if (ranks) {
        const size = ranks.height * ranks.width, place = ranks.place(row, col);
        for (let rank = 0; rank < ranks.planes; rank++) {
          const other = ranks.arrays[0][rank * size + place];
          if (other && other !== code) ranking.push([other, ranks.arrays[1][rank * size + place]]);
        }
      }
      return ranking;
    }

    describePixel() {
      const { settings, blocks, pixel, details } = this;
      const { row, col, sceneRow, sceneCol } = pixel;
      const code = this.codes[row * settings.width + col];
      const facts = make("dl", {});
      const fact = (title, ...content) => facts.append(make("dt", {}, title), make("dd", {}, ...content));
      fact("Position", `row ${number(sceneRow)}, column ${number(sceneCol)}, counted from 0`);
      if (settings.transform) {
        const [a, b, c, d, e, f] = settings.transform, x = sceneCol + 0.5, y = sceneRow + 0.5;
        const digits = Math.max(Math.abs(a), Math.abs(b), Math.abs(d), Math.abs(e)) < 0.1 ? 6 : 1;
        fact("Coordinates", `x ${(a * x + b * y + c).toFixed(digits)}, y ${(d * x + e * y + f).toFixed(digits)} (${settings.crs})`);
      }
      const entry = code ? settings.classes[code - 1] : null;
      const swatch = make("span", { class: "map-swatch", "aria-hidden": "true" });
      if (entry) swatch.style.backgroundColor = entry.color;
      fact("Class", ...(entry ? [swatch, entry.name] : ["no data"]));
      if (blocks.reference) {
        const place = blocks.reference.place(row, col);
        const label = blocks.reference.arrays[0][place];
        const agreement = AGREEMENT[blocks.reference.arrays[1][place]];
        fact("Reference", label ? `${this.name(label)} (${agreement})` : "no label");
      }
      if (blocks.entropy && code) {
        fact("Entropy", (blocks.entropy.arrays[0][blocks.entropy.place(row, col)] / 255).toFixed(2));
      }
      details.replaceChildren(facts);
      this.appendProbabilities(details);
      if (entry && entry.prompts.length) {
        details.append(make("h4", {}, entry.prompts.length > 1 ? "Prompts of the class" : "Prompt of the class"),
          make("ul", { class: "map-prompts" }, ...entry.prompts.map(prompt => make("li", {}, prompt))));
      }
      const [first] = this.ranking();
      this.announcement.textContent = entry
        ? `${entry.name}${first ? `, probability ${percent(first[1])}` : ""}`
        : "No data at this pixel";
    }

    appendProbabilities(details) {
      const { settings, blocks, pixel } = this;
      const ranking = this.ranking();
      if (!ranking.length) return;
      const list = make("ul", { class: "map-bars" });
      for (const [code, level] of ranking) {
        const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span", {}));
        bar.firstChild.style.width = `${level / 2.55}%`;
        bar.firstChild.style.backgroundColor = settings.classes[code - 1].color;
        list.append(make("li", {}, make("span", { class: "class-name" }, this.name(code)), bar, make("span", { class: "count" }, percent(level))));
      }
      details.append(make("h4", {}, "Probabilities"), list);
      const notes = ["Estimates of the classifier, which add up to 100 % over all classes; not a measured accuracy."];
      const { ranks } = blocks;
      if (ranks && ranks.step > 1) {
        const [row, col] = [pixel.row, pixel.col].map(place => Math.floor(place / ranks.step) * ranks.step * settings.step);
        notes.push(`Those of other classes are from row ${row}, column ${col}.`);
      }
      details.append(make("p", { class: "map-note" }, notes.join(" ")));
    }

    // The stored spectrum for the pixel: values, and the row and column of the scene it is from.
    spectrum() {
      const { settings, blocks, pixel } = this;
      const block = blocks.spectra;
      const { components, step } = settings.spectra;
      const stored = block.step * step;
      const row = Math.floor(pixel.row / stored), col = Math.floor(pixel.col / stored);
      const size = block.height * block.width, place = row * block.width + col;
      const at = { row: row * stored * settings.step, col: col * stored * settings.step };
      const raw = Array.from({ length: block.planes }, (_, plane) => block.arrays[0][plane * size + place]);
      if (!components) return { values: raw.map(value => Number.isFinite(value) ? value : null), ...at };
      if (raw.every(level => level === 0)) return { values: null, ...at };
      const values = components.mean.slice();
      raw.forEach((level, component) => {
        const score = ((level - 1) / 254) * components.span[component] + components.low[component];
        const axis = components.axes[component];
        for (let band = 0; band < values.length; band++) values[band] += score * axis[band];
      });
      return { values, ...at };
    }

    // Bands, with a place without value (-1) in every gap.
    bands() {
      const { x } = this.settings.spectra;
      const steps = x.slice(1).map((value, place) => value - x[place]).sort((a, b) => a - b);
      const longest = GAP_STEPS * (steps[Math.floor(steps.length / 2)] || Infinity);
      const xs = [], places = [];
      x.forEach((value, place) => {
        if (place && value - x[place - 1] > longest) {
          xs.push((value + x[place - 1]) / 2);
          places.push(-1);
        }
        xs.push(value);
        places.push(place);
      });
      return { xs, places };
    }

    drawChart() {
      const { settings, pixel, chartElement, chartNote } = this;
      if (!settings.spectra || !pixel) return;
      this.chart?.destroy();
      this.chart = null;
      const code = this.codes[pixel.row * settings.width + pixel.col];
      const { values, row, col } = this.spectrum();
      const { xs, places } = this.bands();
      const style = getComputedStyle(this.root);
      const text = style.getPropertyValue("--text"), line = style.getPropertyValue("--line");
      const series = [{ label: settings.spectra.xLabel }], data = [xs];
      const add = (label, numbers, options) => {
        series.push({ label, points: { show: xs.length < 40 }, ...options });
        data.push(places.map(place => place < 0 ? null : numbers[place] ?? null));
      };
      if (code && values) add("this pixel", values, { stroke: text, width: 2 });
      const codes = new Set(this.ranking().map(([other]) => other).slice(0, MAX_MEANS));
      if (code) codes.add(code);
      if (this.blocks.reference) {
        const label = this.blocks.reference.arrays[0][this.blocks.reference.place(pixel.row, pixel.col)];
        if (label) codes.add(label);
      }
      for (const other of codes) {
        const entry = settings.classes[other - 1];
        if (entry.mean) add(`mean of ${entry.name}`, entry.mean, { stroke: entry.color, width: 2, dash: [6, 3] });
      }
      const isElsewhere = row !== pixel.sceneRow || col !== pixel.sceneCol;
      chartNote.textContent = [
        isElsewhere && code ? `The spectrum is that of row ${row}, column ${col}, the stored pixel before this one.` : "",
        settings.spectra.note,
      ].filter(Boolean).join(" ");
      if (series.length < 2) return;
      const axis = label => ({ label, stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, labelSize: 24 });
      this.chart = new uPlot({
        width: this.chartWidth(), height: 260, series, legend: { live: false },
        scales: { x: { time: false } },
        axes: [axis(settings.spectra.xLabel), { ...axis(settings.spectra.yLabel), size: 64 }],
      }, data, chartElement);
      const canvas = chartElement.querySelector("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Spectra: ${series.slice(1).map(entry => entry.label).join(", ")}`);
    }

    chartWidth() {
      return Math.max(220, Math.floor(this.chartElement.clientWidth));
    }

    resizeChart() {
      if (this.chart && this.chart.width !== this.chartWidth()) {
        this.chart.setSize({ width: this.chartWidth(), height: 260 });
      }
    }
  }

  const start = async root => {
    const settings = JSON.parse(root.querySelector("[data-settings]").textContent);
    if (typeof DecompressionStream === "undefined") {
      root.append(make("p", {}, "This browser cannot unpack the map. Open the page in a browser of 2023 or later."));
      return;
    }
    root.hsvlmMap = new MapView(root, settings, await readBlocks(root, settings.blocks));
    root.dataset.ready = "true";
  };

  document.querySelectorAll(".map-view").forEach(root => { start(root); });
})();
