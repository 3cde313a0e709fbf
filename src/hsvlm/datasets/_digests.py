"""SHA-256 digests of published files."""

from typing import Final

# By file name. Those of Pavia.mat and Pavia_gt.mat are unknown: they are recorded
# at first use.
SHA256: Final = {
    "PaviaU.mat": "28447fa87f7a5797845e9a189c0da85e23b1d06a4ba7361e5ff44efbf834d2fb",
    "PaviaU_gt.mat": "23f6a426928f9b32984adffe659e29f554f9fb6c93b5a107528d308d5087a829",
    "Salinas_corrected.mat": "5ec1c0d22f56d18ecd336f8e35735863c0f160682e04e0c18ef3f89a3334d87d",
    "Salinas_gt.mat": "ecfab4d31ef5553f097943235d8ea502038eb4a2067b2ad10b33e37c949955e2",
    "KSC.mat": "b1ad011cfdb65c853e4f9f6108ca4774467d87f90a5c23b74ff3a2984a3b4786",
    "KSC_gt.mat": "a1d6ab9293691006bd4d9742d1a1e1c141b1aaa5fbc5fa128b33c1d09038510b",
    "Botswana.mat": "f1603903c844cdc2980550b0180688e8e1a72d4292595d1120e1dec2a80a91c7",
    "Botswana_gt.mat": "668394905e10e629c16584bfd02b0f533b96d6ba18a63274a94ff3a77126a887",
    "IndianTR123_temp123.tif": "9f7cb2caea985577c11bbeea1086c9348aa067ab7e3825d2fa671508b4ae6684",
    "IndianTE123_temp123.tif": "f7a8e34026ce97a4a21918441f7b03dba0718f63ff2619d1a35dcaa33da24ad3",
    "TRpaviaU.mat": "783bf32ee43172cb7cfe76ea381401af4b57dc1bd53ccdf49137976aa3ded77d",
    "TSpaviaU.mat": "bea2b7592e27456c187cf57ed0cbf8ffeb45294e811da7516cb0d9ce7f073173",
    "2013_IEEE_GRSS_DF_Contest_Samples_TR.tif": (
        "c943016242f98a4c1e70fb35842562e654425de5364c58ceb5e1186029c193f7"
    ),
    "2013_IEEE_GRSS_DF_Contest_Samples_VA.tif": (
        "9fd0093af69a8f91cc0f3ef7c67dd7f961445223c0a2497bdbed03e7f329a010"
    ),
    "2013_IEEE_GRSS_DF_Contest_CASI.tif": (
        "1440f38594e8e82cc1944c084fc138ef55a70af54122828e999c4fb438574c14"
    ),
    # Those of the following files are as rs-fusion-datasets states them.
    "2013_IEEE_GRSS_DF_Contest_LiDAR.tif": (
        "9f4facce8876ee84642d9cb03536baf0389506de97ddc01b73366fe4521de981"
    ),
    "Italy_hsi.mat": "7b965fd405314b5c91451042e547a1923be6f5a38c6da83969032cff79729280",
    "Italy_lidar.mat": "a04dc90368d6a7b4f9d3936024ba9fef4105456c090daa14fff31b8b79e94ab1",
    "allgrd.mat": "7e3fb2a2ea22c2661dfc768db3cb93c9643b324e7e64fadedfa57f5edbf1818f",
    "muufl_gulfport_campus_1_hsi_220_label.mat": (
        "69420a72866dff4a858ae503e6e2981af46f406a4ad8f4dd642efa43feb59edc"
    ),
    "augsburg_hsi.mat": "2f13839d7840b32f55e0489d6934776dcfded7f678e23a9d8c2c092573946583",
    "augsburg_sar.mat": "cd1dbfad2346f47e51d105b05e11aaefc872fe487a94bdc2913f4eaee3f8e82b",
    "augsburg_gt.mat": "065df71257f06c075ff3b37327c0fba75cc9146015a0f095a093fd12b9eaacbe",
}
