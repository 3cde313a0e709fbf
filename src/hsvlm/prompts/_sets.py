"""Class names and descriptive prompts of public scenes, in the order of their labels."""

from __future__ import annotations

from typing import Final

from hsvlm.exceptions import UnknownNameError

__all__ = ["PROMPT_SETS", "list_prompt_sets", "load_class_names", "load_prompt_set"]

_INDIAN_PINES = {
    "Alfalfa": "purple-flowering alfalfa, a perennial legume forage for dairy cows, with a very "
    "dense, even, dark green canopy of small three-part leaves",
    "Corn-notill": "no-till corn: maize seedlings pushing through an undisturbed pale mat of last "
    "season's dead stalks that hides the earth",
    "Corn-mintill": "min-till corn after one shallow chisel pass: thin green maize lines on a "
    "mottled bed of crumbled clods and chopped cobs",
    "Corn": "a conventional cornfield, straight green rows of broad-leaved maize on deeply "
    "ploughed black prairie soil",
    "Grass-pasture": "fenced grazing land trodden by cattle, uneven turf with clover patches, "
    "animal tracks and a watering hole",
    "Grass-trees": "grass with trees along a creek, scattered round crowns casting shadows over "
    "tall, wild, unmown blades",
    "Grass-pasture-mowed": "a freshly mown lawn-like meadow, clipped very short, yellowish, "
    "striped by the passes of the mower",
    "Hay-windrowed": "hay raked into long parallel windrows, fluffy ropes of drying fodder curing "
    "in the sun before the baler comes",
    "Oats": "a narrow strip of oats, a blue-green small-grain cereal with loose nodding panicles",
    "Soybean-notill": "no-till soybeans sown straight into standing stubble, small round leaves "
    "between rows of upright grey stalk stumps",
    "Soybean-mintill": "min-till soybean plants on lightly disked land, a third of the brown "
    "surface still under crop residue",
    "Soybean-clean": "clean-tilled soybeans, weed-free and finely harrowed, dark moist bare soil "
    "dominating between the tiny plants",
    "Wheat": "ripening winter wheat, a thick uniform golden sea of bearded ears close to harvest",
    "Woods": "closed deciduous forest of oak, hickory and maple, rough billowing treetops, deep "
    "green with black gaps",
    "Buildings-Grass-Trees-Drives": "a farmstead with house roofs, barns, garages and a paved "
    "driveway among lawns and shade trees",
    "Stone-Steel-Towers": "steel lattice pylons and metal silos standing on crushed stone and "
    "concrete, bright glinting man-made structures",
}

_PAVIA_UNIVERSITY = {
    "Asphalt": "a dark grey asphalt street with lane markings and moving cars, its smooth tarmac "
    "worn by traffic",
    "Meadows": "wide open meadows of fresh green grass with wild flowers, soft and even in texture",
    "Gravel": "loose light-coloured gravel of crushed pebbles, grainy, spread over flat roofs and "
    "courtyards",
    "Trees": "leafy tree crowns along avenues and in a park, clumped, dark green, with rough "
    "foliage",
    "Painted metal sheets": "painted metal sheets cladding an industrial hall, shiny coated "
    "panels that reflect strongly in every band",
    "Bare soil": "bare ploughed earth without any vegetation, dry brown clay and dust awaiting "
    "sowing",
    "Bitumen": "a black roof sealed with bitumen felt, a tarry waterproof membrane, very dark and "
    "flat",
    "Self-blocking bricks": "interlocking paving bricks of a pedestrian square, reddish blocks "
    "laid in a regular pattern",
    "Shadows": "deep shadow thrown by tall buildings, unlit areas where almost no light comes "
    "back to the sensor",
}

_SALINAS = {
    "Broccoli green weeds 1": "young broccoli transplants overgrown by green weeds, an irregular "
    "patchy canopy with little ground showing",
    "Broccoli green weeds 2": "mature broccoli with big waxy bluish leaves and flowering heads, "
    "weeds filling the furrows completely",
    "Fallow": "fallow land at rest for a season, unplanted, flat pale earth with a few volunteer "
    "sprouts",
    "Fallow rough plow": "coarsely ploughed ground, big overturned clods and deep furrows with "
    "strong shading",
    "Fallow smooth": "a finely levelled seedbed, rolled dust-smooth and uniform, bright in the sun",
    "Stubble": "straw-yellow stubble left after a cereal harvest, short dry stalks standing in "
    "lines",
    "Celery": "celery in tight beds, tall juicy upright stalks with feathery vivid green tops",
    "Grapes untrained": "sprawling grapevines without wires, bushy shoots spreading freely over "
    "the ground in late summer",
    "Soil vineyard develop": "a new vineyard being developed: bare soil with stakes, drip lines "
    "and tiny grafted cuttings",
    "Corn senesced green weeds": "dead senesced maize, withered beige stalks, with green weeds "
    "growing underneath",
    "Lettuce romaine 4wk": "romaine lettuce four weeks after planting, small rosettes dotted "
    "along raised beds, mostly soil between them",
    "Lettuce romaine 5wk": "five-week romaine, leaves about to touch along the row, brown "
    "irrigation furrows still clearly visible",
    "Lettuce romaine 6wk": "six-week-old romaine salad, upright loose heads covering most of the "
    "bed",
    "Lettuce romaine 7wk": "full-grown romaine hearts at seven weeks, ready for the cutting crew, "
    "bright closed green cover",
    "Vineyard untrained": "an old untrained vineyard, free-standing head-pruned gnarled stumps "
    "with untied canes in a square grid",
    "Vineyard vertical trellis": "vines trained on vertical trellis wires, thin hedge-like walls "
    "of leaves with shaded grassy alleys",
}

# The KSC ground truth circulates with two lists of names. This one has the mixed palm and oak
# hammock as class 4 and one hardwood swamp as class 7, the more common of the two.
_KSC = {
    "Scrub": "scrub on dry coastal sand: low shrubs of saw palmetto, dwarf oak and wax myrtle "
    "with bare white gaps",
    "Willow swamp": "a flooded thicket of Carolina willow, slender grey-green shrubs over shallow "
    "dark standing water",
    "Cabbage palm hammock": "a hammock of cabbage palms, an island of fan-shaped fronds in "
    "star-like crowns packed into a dense grove",
    "Cabbage palm/oak hammock": "a mixed hammock where sabal palms rise between spreading "
    "evergreen live oaks hung with moss",
    "Slash pine": "open flatwoods of slash pine, narrow conical conifers with long needles above "
    "a grassy floor",
    "Oak/broadleaf hammock": "a broadleaf oak hammock with laurel oak, magnolia and red bay, a "
    "smooth closed dome of evergreen foliage",
    "Hardwood swamp": "a wooded wetland of red maple, ash and tupelo with buttressed trunks "
    "rooted in mud for most of the year",
    "Graminoid marsh": "a graminoid freshwater marsh of mixed sedges, rushes and panic grass, "
    "tussocky, yellow-green, seasonally wet",
    "Spartina marsh": "a Spartina marsh of tall sand cordgrass in stiff wiry brownish clumps on a "
    "brackish plain",
    "Cattail marsh": "cattails, Typha, crowded in nutrient-rich ditches, long strap leaves and "
    "brown sausage-like flower spikes",
    "Salt marsh": "a salt marsh of glasswort and saltwort, succulent plants, reddish, low and "
    "crusted with brine, flooded by the tide",
    "Mud flats": "bare grey tidal mud exposed at low water, slick silt with drainage channels and "
    "no plants",
    "Water": "open water of a lagoon, deep blue, with ripples and sun glint, absorbing nearly all "
    "infrared light",
}

_BOTSWANA = {
    "Water": "open river water, a clear, slow, dark permanent channel winding through the delta",
    "Hippo grass": "floating hippo grass rooted in shallow pools, trampled swamp vegetation where "
    "hippopotamuses feed",
    "Floodplain grasses 1": "lush floodplain sward inundated every year, tall, wet, bright green",
    "Floodplain grasses 2": "a drier floodplain grazing lawn at the edge of the flood, sparse "
    "tufts turning straw-brown on grey clay",
    "Reeds": "towering papyrus and reed beds lining the channels, an impenetrable feathery wall",
    "Riparian": "a riparian gallery of large evergreen fig and ebony trees following the river "
    "banks",
    "Firescar": "a firescar left by a bush blaze, charred black ground, ash and scorched stems",
    "Island interior": "the salty heart of an island, a white trona crust ringed by sparse palms "
    "and spiky grass",
    "Acacia woodlands": "tall thorn trees with umbrella-shaped canopies, a fairly closed acacia "
    "wood",
    "Acacia shrublands": "knee- to head-high acacia bushes, prickly, grey and scattered in "
    "thickets",
    "Acacia grasslands": "savanna of golden grass with only a lone acacia here and there",
    "Short mopane": "short mopane, a stunted coppiced scrub with butterfly-shaped leaves, browsed "
    "low by elephants",
    "Mixed mopane": "mixed mopane growing with leadwood and bushwillow, a mature deciduous forest "
    "with reddish autumn foliage",
    "Exposed soils": "naked sand and dust, bright and eroded, without plant cover around pans and "
    "tracks",
}

_HOUSTON_2013 = {
    "Healthy grass": "well-watered healthy grass, a thick vivid green lawn in a park",
    "Stressed grass": "thirsty turf that is thinning and yellowing, drought-stressed, with brown "
    "patches on a roadside verge",
    "Synthetic grass": "an artificial football pitch of plastic fibres, painted with white yard "
    "lines",
    "Trees": "broad leafy oak crowns shading the campus and neighbourhood gardens",
    "Soil": "bare dirt at a construction site, excavated brown earth with tyre tracks",
    "Water": "a pond and swimming pools, calm dark blue water with a mirror-like surface",
    "Residential": "suburban houses with shingle gable roofs, back yards and fences",
    "Commercial": "commercial buildings, malls, warehouses and offices with large flat white "
    "roofs and air-conditioning units",
    "Road": "a narrow local street of grey concrete with kerbs and pavements between city blocks",
    "Highway": "a multi-lane interstate freeway with ramps, overpasses and fast traffic",
    "Railway": "railway tracks: parallel steel rails and wooden sleepers on a bed of brown ballast",
    "Parking lot 1": "an empty parking lot, marked bays on open tarmac and on the top deck of a "
    "garage",
    "Parking lot 2": "a parking lot crowded with vehicles, shiny coloured car roofs and "
    "windscreens side by side",
    "Tennis court": "tennis courts, rectangular blue-green acrylic surfaces with nets and white "
    "lines",
    "Running track": "an oval athletics stadium with a red rubber running track divided into lanes",
}

PROMPT_SETS: Final[dict[str, dict[str, str]]] = {
    "indian-pines": _INDIAN_PINES,
    "pavia-university": _PAVIA_UNIVERSITY,
    "salinas": _SALINAS,
    "ksc": _KSC,
    "botswana": _BOTSWANA,
    "houston-2013": _HOUSTON_2013,
}


def list_prompt_sets() -> list[str]:
    """Name the prompt sets that come with hsvlm.

    Returns
    -------
    list of str
        Names in alphabetical order.

    Examples
    --------
    >>> from hsvlm.prompts import list_prompt_sets
    >>> list_prompt_sets()
    ['botswana', 'houston-2013', 'indian-pines', 'ksc', 'pavia-university', 'salinas']
    """
    return sorted(PROMPT_SETS)


def load_prompt_set(name: str) -> dict[int, str]:
    """Load one descriptive prompt for each class of a public scene.

    Parameters
    ----------
    name : str
        One of `list_prompt_sets()`.

    Returns
    -------
    dict of int to str
        Text by label; labels 1, 2, ... are those of the scene's usual ground truth.

    Raises
    ------
    UnknownNameError
        If there is no set of that name.

    See Also
    --------
    load_class_names : The names of the same classes.

    Examples
    --------
    >>> from hsvlm.prompts import load_prompt_set
    >>> load_prompt_set("houston-2013")[15]
    'an oval athletics stadium with a red rubber running track divided into lanes'
    """
    return dict(enumerate(_prompt_set(name).values(), start=1))


def load_class_names(name: str) -> dict[int, str]:
    """Load the names of the classes of a public scene.

    Parameters
    ----------
    name : str
        One of `list_prompt_sets()`.

    Returns
    -------
    dict of int to str
        Name by label; labels 1, 2, ... are those of the scene's usual ground truth.

    Raises
    ------
    UnknownNameError
        If there is no set of that name.

    See Also
    --------
    load_prompt_set : A descriptive prompt for each of the same classes.

    Examples
    --------
    >>> from hsvlm.prompts import load_class_names
    >>> load_class_names("pavia-university")[5]
    'Painted metal sheets'
    """
    return dict(enumerate(_prompt_set(name), start=1))


def _prompt_set(name: str) -> dict[str, str]:
    if name not in PROMPT_SETS:
        raise UnknownNameError.for_name("prompt set", name, PROMPT_SETS)
    return PROMPT_SETS[name]
