# SPDX-License-Identifier: Apache-2.0
# cmake -DFOLDER=… -DOUTPUT=… -P: writes the numbered .sql files as a C++ table.
file(GLOB files "${FOLDER}/*.sql")
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  string(REGEX MATCH "^[0-9]+" number "${name}")
  math(EXPR number "${number}")
  file(READ "${file}" sql)
  string(APPEND rows "    Migration{${number}, R\"sql(${sql})sql\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Generated from db/migrations.
#include \"toolstackd/db/migrations.hpp\"

#include <array>

namespace zocalo::toolstack {

std::span<const Migration> embedded_migrations() // NOLINT(readability-function-size): a table
{
    static constexpr std::array table{
${rows}    };
    return table;
}

} // namespace zocalo::toolstack
")
