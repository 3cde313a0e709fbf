"""Train on a tenth of Indian Pines, predict the whole scene and draw the map.

Run it with ``python examples/indian_pines_map.py``. Few epochs and small windows keep it under a
minute on one core; leave `window_size` and `max_epochs` out for the defaults.
"""

from sklearn.model_selection import train_test_split

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import CoordinateNeighbors, leakage_report
from hsvlm.plotting import ClassificationMapDisplay

scene = load_indian_pines()
X, y = pixel_samples(scene.cube, scene.labels)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.1, stratify=y, random_state=0
)

clf = HSIPromptClassifier("indian-pines", window_size=9, max_epochs=15, random_state=0, verbose=1)
clf.fit(X_train, y_train)
nearest = CoordinateNeighbors().fit(X_train, y_train)
print(f"accuracy on random test pixels {clf.score(X_test, y_test):.1%}")
print(f"of the nearest training pixel, without any spectrum {nearest.score(X_test, y_test):.1%}")
print(leakage_report(X_train, X_test, window_size=9))

label_map = clf.predict(scene.cube)
display = ClassificationMapDisplay.from_labels(label_map, scene.class_names, title=scene.name)
display.plot().figure_.savefig("indian-pines-map.png", dpi=150)
print("the map is in indian-pines-map.png")
