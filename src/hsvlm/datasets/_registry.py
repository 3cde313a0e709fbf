"""The public scenes and splits: addresses, digests, shapes, counts and citations."""

from __future__ import annotations

from typing import Final

from hsvlm.datasets._cache import RemoteFile
from hsvlm.datasets._digests import SHA256
from hsvlm.datasets._entries import SceneEntry, SourceEntry, SplitEntry
from hsvlm.prompts import load_class_names

_GIC: Final = "https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes"
_GIC_FILES: Final = "https://www.ehu.eus/ccwintco/uploads"
# The provider refuses some automatic downloads. These are the same bytes, as the digests show.
_MIRROR: Final = "https://raw.githubusercontent.com/gokriznastic/HybridSN/master/data"
_GCN: Final = "https://github.com/danfenghong/IEEE_TGRS_GCN"
_GCN_FILES: Final = "https://raw.githubusercontent.com/danfenghong/IEEE_TGRS_GCN/HEAD"
_S2FL: Final = "https://github.com/danfenghong/ISPRS_S2FL"
_S2FL_FILES: Final = (
    "https://raw.githubusercontent.com/danfenghong/ISPRS_S2FL/"
    "dfebaf48b18004cedaf506b97db31ae78f0ae3f2"
)

_CONTEST: Final = "https://machinelearning.ee.uh.edu/2013-ieee-grss-data-fusion-contest/"
_TRENTO: Final = "https://github.com/tyust-dayu/Trento"
_TRENTO_FILES: Final = (
    "https://raw.githubusercontent.com/tyust-dayu/Trento/b4afc449ce5d6936ddc04fe267d86f9f35536afd"
)
_MUUFL: Final = "https://github.com/GatorSense/MUUFLGulfport"
_MUUFL_FILES: Final = (
    "https://raw.githubusercontent.com/GatorSense/MUUFLGulfport/v0.1/MUUFLGulfportSceneLabels"
)
_AUGSBURG: Final = "https://github.com/oucailab/DCMNet"
_AUGSBURG_ARCHIVE: Final = (
    "https://github.com/songyz2019/rs-fusion-datasets-dist/releases/download/v1.0.0/"
    "augsburg-ouc.zip"
)

_DISTRIBUTED: Final = (
    "Distributed by the Grupo de Inteligencia Computacional, University of the Basque Country "
    "(UPV/EHU), without a licence."
)
_PAVIA_CITATION: Final = (
    "ROSIS scenes of Pavia, provided by P. Gamba, Telecommunications and Remote Sensing "
    f"Laboratory, University of Pavia. {_DISTRIBUTED}"
)
_HAM_CITATION: Final = (
    "J. Ham, Y. Chen, M. M. Crawford and J. Ghosh, Investigation of the random forest framework "
    "for classification of hyperspectral data, IEEE Transactions on Geoscience and Remote Sensing "
    f"43(3), 492-501, 2005, doi:10.1109/TGRS.2004.842481. {_DISTRIBUTED}"
)
_GCN_CITATION: Final = (
    "D. Hong, L. Gao, J. Yao, B. Zhang, A. Plaza and J. Chanussot, Graph convolutional networks "
    "for hyperspectral image classification, IEEE Transactions on Geoscience and Remote Sensing "
    "59(7), 5966-5978, 2021, doi:10.1109/TGRS.2020.3015157."
)
_HOUSTON_CITATION: Final = (
    "C. Debes et al., Hyperspectral and LiDAR data fusion: outcome of the 2013 GRSS data fusion "
    "contest, IEEE Journal of Selected Topics in Applied Earth Observations and Remote Sensing "
    "7(6), 2405-2418, 2014, doi:10.1109/JSTARS.2014.2305441."
)
_TRENTO_CITATION: Final = (
    "AISA Eagle and Optech ALTM scene of a rural area south of Trento, Italy. P. Ghamisi, B. "
    "Hoefle and X. X. Zhu, Hyperspectral and LiDAR data fusion using extinction profiles and deep "
    "convolutional neural network, IEEE Journal of Selected Topics in Applied Earth Observations "
    "and Remote Sensing 10(6), 3011-3024, 2017, doi:10.1109/JSTARS.2016.2634863."
)
_MUUFL_CITATION: Final = (
    "P. Gader, A. Zare, R. Close, J. Aitken and G. Tuell, MUUFL Gulfport hyperspectral and LiDAR "
    "airborne data set, University of Florida, Tech. Rep. REP-2013-570, 2013; labels: X. Du and A. "
    "Zare, Technical report: scene label ground truth map for MUUFL Gulfport data set, University "
    "of Florida, Tech. Rep. 20170417, 2017."
)
_AUGSBURG_CITATION: Final = (
    "D. Hong, J. Hu, J. Yao, J. Chanussot and X. X. Zhu, Multimodal remote sensing benchmark "
    "datasets for land cover classification with a shared and specific feature learning model, "
    "ISPRS Journal of Photogrammetry and Remote Sensing 178, 68-80, 2021, "
    "doi:10.1016/j.isprsjprs.2021.05.011."
)


# As the header that the contest hands out with the cube has them.
_HOUSTON_WAVELENGTHS_NM: Final = """
364.0 368.8 373.6 378.4 383.2 387.9 392.7 397.5 402.3 407.0 411.8 416.6 421.4 426.1 430.9 435.7
440.5 445.2 450.0 454.8 459.6 464.3 469.1 473.9 478.6 483.4 488.2 492.9 497.7 502.5 507.3 512.0
516.8 521.6 526.3 531.1 535.9 540.6 545.4 550.2 554.9 559.7 564.5 569.2 574.0 578.8 583.5 588.3
593.1 597.8 602.6 607.4 612.1 616.9 621.6 626.4 631.2 635.9 640.7 645.5 650.2 655.0 659.8 664.5
669.3 674.1 678.8 683.6 688.3 693.1 697.9 702.6 707.4 712.2 716.9 721.7 726.5 731.2 736.0 740.7
745.5 750.3 755.0 759.8 764.6 769.3 774.1 778.9 783.6 788.4 793.2 797.9 802.7 807.5 812.2 817.0
821.8 826.5 831.3 836.1 840.8 845.6 850.4 855.1 859.9 864.7 869.4 874.2 879.0 883.7 888.5 893.3
898.0 902.8 907.6 912.3 917.1 921.9 926.7 931.4 936.2 941.0 945.8 950.5 955.3 960.1 964.8 969.6
974.4 979.2 983.9 988.7 993.5 998.3 1003.1 1007.8 1012.6 1017.4 1022.2 1026.9 1031.7 1036.5 1041.3
1046.1
"""


def _file(name: str, page: str, urls: tuple[str, ...], variable: str | None = None) -> RemoteFile:
    return RemoteFile(name, page, urls, SHA256.get(name), variable)


def _gic(folder: str, name: str, variable: str, *mirrors: str) -> RemoteFile:
    urls = (f"{_GIC_FILES}/{folder}/{name}", *(f"{mirror}/{name}" for mirror in mirrors))
    return _file(name, _GIC, urls, variable)


def _gcn(name: str, variable: str | None = None) -> RemoteFile:
    urls = (f"{_GCN_FILES}/{name}", f"{_GCN_FILES}/DataGeneration_Functions/{name}")
    return _file(name, _GCN, urls, variable)


def _s2fl(name: str) -> RemoteFile:
    return _file(name, _S2FL, (f"{_S2FL_FILES}/{name}",))


def _trento(name: str, variable: str) -> RemoteFile:
    return _file(name, _TRENTO, (f"{_TRENTO_FILES}/{name}",), variable)


def _muufl(variable: str) -> RemoteFile:
    name = "muufl_gulfport_campus_1_hsi_220_label.mat"
    return _file(name, _MUUFL, (f"{_MUUFL_FILES}/{name}",), variable)


def _augsburg(name: str) -> RemoteFile:
    urls = (f"{_AUGSBURG_ARCHIVE}#Augsburg/{name}",)
    return _file(name, _AUGSBURG, urls, name.removesuffix(".mat"))


SCENES: Final = {
    "pavia-university": SceneEntry(
        name="Pavia University",
        citation=_PAVIA_CITATION,
        shape=(610, 340, 103),
        counts=(6631, 18649, 2099, 3064, 1345, 5029, 1330, 3682, 947),
        class_names=load_class_names("pavia-university"),
        cube=_gic("e/ee", "PaviaU.mat", "paviaU", _MIRROR),
        labels=_gic("5/50", "PaviaU_gt.mat", "paviaU_gt", _MIRROR),
    ),
    "pavia-centre": SceneEntry(
        name="Pavia Centre",
        citation=_PAVIA_CITATION,
        shape=(1096, 715, 102),
        counts=(65971, 7598, 3090, 2685, 6584, 9248, 7287, 42826, 2863),
        # The page of the provider lists these names in another order, beside other counts. With
        # that order class 8, most of what is labeled in the town but the river, were meadows.
        class_names={
            1: "Water",
            2: "Trees",
            3: "Meadows",
            4: "Self-blocking bricks",
            5: "Bare soil",
            6: "Asphalt",
            7: "Bitumen",
            8: "Tiles",
            9: "Shadows",
        },
        cube=_gic("e/e3", "Pavia.mat", "pavia"),
        labels=_gic("5/53", "Pavia_gt.mat", "pavia_gt"),
    ),
    "salinas": SceneEntry(
        name="Salinas",
        citation=f"AVIRIS scene of Salinas Valley, California. {_DISTRIBUTED}",
        shape=(512, 217, 204),
        counts=(
            *(2009, 3726, 1976, 1394, 2678, 3959, 3579, 11271),
            *(6203, 3278, 1068, 1927, 916, 1070, 7268, 1807),
        ),
        class_names=load_class_names("salinas"),
        cube=_gic("a/a3", "Salinas_corrected.mat", "salinas_corrected", _MIRROR),
        labels=_gic("f/fa", "Salinas_gt.mat", "salinas_gt", _MIRROR),
    ),
    "ksc": SceneEntry(
        name="Kennedy Space Center",
        citation=_HAM_CITATION,
        shape=(512, 614, 176),
        counts=(761, 243, 256, 252, 161, 229, 105, 431, 520, 404, 419, 503, 927),
        class_names=load_class_names("ksc"),
        cube=_gic("2/26", "KSC.mat", "KSC"),
        labels=_gic("a/a6", "KSC_gt.mat", "KSC_gt"),
    ),
    "botswana": SceneEntry(
        name="Botswana",
        citation=_HAM_CITATION,
        shape=(1476, 256, 145),
        counts=(270, 101, 251, 215, 269, 269, 259, 203, 314, 248, 305, 181, 268, 95),
        class_names=load_class_names("botswana"),
        cube=_gic("7/72", "Botswana.mat", "Botswana"),
        labels=_gic("5/58", "Botswana_gt.mat", "Botswana_gt"),
    ),
    "houston-2013": SceneEntry(
        name="Houston 2013",
        citation=_HOUSTON_CITATION,
        shape=(349, 1905, 144),
        class_names=load_class_names("houston-2013"),
        cube=_file(
            "2013_IEEE_GRSS_DF_Contest_CASI.tif",
            _CONTEST,
            urls=(),
        ),
        wavelengths_nm=tuple(map(float, _HOUSTON_WAVELENGTHS_NM.split())),
        auxiliary={
            "lidar": SourceEntry(
                _file("2013_IEEE_GRSS_DF_Contest_LiDAR.tif", _CONTEST, urls=()), ("surface",), "m"
            )
        },
    ),
    "trento": SceneEntry(
        name="Trento",
        citation=_TRENTO_CITATION,
        shape=(166, 600, 63),
        counts=(4034, 2903, 479, 9123, 10501, 3174),
        class_names=dict(
            enumerate(("Apple trees", "Buildings", "Ground", "Woods", "Vineyard", "Roads"), start=1)
        ),
        cube=_trento("Italy_hsi.mat", "data"),
        labels=_trento("allgrd.mat", "mask_test"),
        auxiliary={"lidar": SourceEntry(_trento("Italy_lidar.mat", "data"), ("first", "second"))},
    ),
    "muufl": SceneEntry(
        name="MUUFL Gulfport",
        citation=_MUUFL_CITATION,
        shape=(325, 220, 64),
        counts=(23246, 4270, 6882, 1826, 6687, 466, 2233, 6240, 1385, 183, 269),
        class_names={
            1: "Trees",
            2: "Mostly grass",
            3: "Mixed ground surface",
            4: "Dirt and sand",
            5: "Road",
            6: "Water",
            7: "Building shadow",
            8: "Building",
            9: "Sidewalk",
            10: "Yellow curb",
            11: "Cloth panels",
        },
        cube=_muufl("hsi.Data"),
        labels=_muufl("hsi.sceneLabels.labels"),
        auxiliary={"lidar": SourceEntry(_muufl("hsi.Lidar.0.z"), ("first", "second"))},
    ),
    "augsburg": SceneEntry(
        name="Augsburg",
        citation=_AUGSBURG_CITATION,
        shape=(332, 485, 180),
        counts=(13507, 30329, 3851, 26857, 575, 1645, 1530),
        class_names={
            1: "Forest",
            2: "Residential area",
            3: "Industrial area",
            4: "Low plants",
            5: "Allotment",
            6: "Commercial area",
            7: "Water",
        },
        cube=_augsburg("augsburg_hsi.mat"),
        labels=_augsburg("augsburg_gt.mat"),
        auxiliary={
            "sar": SourceEntry(
                _augsburg("augsburg_sar.mat"), ("first", "second", "third", "fourth")
            )
        },
    ),
}

SPLITS: Final = {
    "indian-pines": SplitEntry(
        name="Indian Pines",
        citation=_GCN_CITATION,
        shape=(145, 145),
        train_counts=(50,) * 13 + (15,) * 3,
        test_counts=(
            *(1384, 784, 184, 447, 697, 439, 918, 2418),
            *(564, 162, 1244, 330, 45, 39, 11, 5),
        ),
        class_names=load_class_names("indian-pines"),
        train=_gcn("IndianTR123_temp123.tif"),
        test=_gcn("IndianTE123_temp123.tif"),
        order=(2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16, 1, 7, 9),
    ),
    "pavia-university": SplitEntry(
        name="Pavia University",
        citation=_GCN_CITATION,
        shape=(610, 340),
        train_counts=(548, 540, 392, 524, 265, 532, 375, 514, 231),
        test_counts=(6304, 18146, 1815, 2912, 1113, 4572, 981, 3364, 795),
        class_names=load_class_names("pavia-university"),
        train=_gcn("TRpaviaU.mat", "TRpaviaU"),
        test=_gcn("TSpaviaU.mat", "TSpaviaU"),
    ),
    "houston-2013": SplitEntry(
        name="Houston 2013",
        citation=_HOUSTON_CITATION,
        shape=(349, 1905),
        train_counts=(198, 190, 192, 188, 186, 182, 196, 191, 193, 191, 181, 192, 184, 181, 187),
        test_counts=(
            *(1053, 1064, 505, 1056, 1056, 143, 1072, 1053),
            *(1059, 1036, 1054, 1041, 285, 247, 473),
        ),
        class_names=load_class_names("houston-2013"),
        train=_s2fl("2013_IEEE_GRSS_DF_Contest_Samples_TR.tif"),
        test=_s2fl("2013_IEEE_GRSS_DF_Contest_Samples_VA.tif"),
    ),
}
