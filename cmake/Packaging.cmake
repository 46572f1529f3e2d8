# SPDX-License-Identifier: Apache-2.0
# `cpack -G DEB` builds the package that the lab installs in dom0 and that users install.
set(CPACK_PACKAGE_NAME zocalo)
set(CPACK_PACKAGE_VENDOR "Zócalo")
set(CPACK_PACKAGE_CONTACT "Zócalo developers <zocalo@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Xen-style virtualization platform: daemon, backends and zl")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Without these in dom0 nothing starts; the hypervisor itself may be Xen's or ours.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "xen-utils-common, xenstore-utils, systemd (>= 252)")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
# Maintainer scripts and conffiles: etc/debian.
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/etc/debian/postinst ${CMAKE_SOURCE_DIR}/etc/debian/prerm
  ${CMAKE_SOURCE_DIR}/etc/debian/postrm ${CMAKE_SOURCE_DIR}/etc/debian/conffiles)
# Debian's shlibs of Xen's libraries demand the exact build we were compiled against: see etc/debian.
file(WRITE ${CMAKE_BINARY_DIR}/packaging/dpkg-shlibdeps
  "#!/bin/sh\nexec /usr/bin/dpkg-shlibdeps -L${CMAKE_SOURCE_DIR}/etc/debian/shlibs.local \"$@\"\n")
file(CHMOD ${CMAKE_BINARY_DIR}/packaging/dpkg-shlibdeps
  PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
file(WRITE ${CMAKE_BINARY_DIR}/packaging/cpack.cmake
  "set(SHLIBDEPS_EXECUTABLE ${CMAKE_BINARY_DIR}/packaging/dpkg-shlibdeps)\n")
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_BINARY_DIR}/packaging/cpack.cmake)
include(CPack)
