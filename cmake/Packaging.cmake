# SPDX-License-Identifier: Apache-2.0
# `cpack -G DEB` builds the package that the lab installs in dom0 and that users install.
set(CPACK_PACKAGE_NAME zocalo)
set(CPACK_PACKAGE_VENDOR "Zócalo")
set(CPACK_GENERATOR DEB)
include(CPack)
