"""Sphinx configuration; building needs no network."""

import os

import hsvlm

project = "hsvlm"
author = "The hsvlm developers"
project_copyright = author
version = release = hsvlm.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.githubpages",  # writes .nojekyll, or folders with an underscore are not served
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
templates_path = ["_templates"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc prints types and shapes
numpydoc_show_class_members = False  # autodoc lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("hsvlm",),
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
# Where the pages are published; the workflow that publishes them knows.
html_baseurl = os.environ.get("DOCS_URL", "")
html_title = f"hsvlm {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_theme_options = {
    "logo": {"text": "hsvlm"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
NO_SECTIONS = "index getting-started benchmarks faq paper architecture glossary support"
html_sidebars = {name: [] for name in NO_SECTIONS.split()}


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out what classes inherit from other packages; their documentation is elsewhere."""
    origin = str(getattr(getattr(obj, "fget", obj), "__module__", ""))
    return None if origin.startswith("hsvlm") else True


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign)
