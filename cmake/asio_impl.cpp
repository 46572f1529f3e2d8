// SPDX-License-Identifier: Apache-2.0
// The one file that holds Boost.Asio's and Boost.Beast's compiled parts (see Dependencies.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
