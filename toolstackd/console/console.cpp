// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/console.hpp"

#include "toolstackd/console/reader.hpp"

#include <xen/io/console.h>

namespace zocalo::toolstack {
namespace {

xencons_interface& page_of(const ConsoleLink& link)
{
    return *reinterpret_cast<xencons_interface*>(link.page.bytes().data());
}

} // namespace

void Console::append(std::string_view output)
{
    history.append(output);
    total += output.size();
    if (log)
        unlogged += output;
    wake_readers();
}

bool Console::move_output()
{
    ConsoleRing ring{page_of(*link)};
    std::string output;
    const auto taken = ring.take_output(output);
    if (!taken) {
        lied();
        return false;
    }
    if (*taken > 0)
        append(output);
    return *taken > 0;
}

bool Console::move_input()
{
    if (input.empty())
        return false;
    ConsoleRing ring{page_of(*link)};
    const auto given = ring.put_input(input);
    if (!given) {
        lied();
        return false;
    }
    if (*given > 0) {
        input.erase(0, *given);
        room.cancel();
    }
    return *given > 0;
}

void Console::lied()
{
    end("the guest's console ring holds impossible indices; it is not read any more");
}

void Console::end(std::string reason)
{
    ended = std::move(reason);
    link.reset();
    input.clear();
    resume.cancel();
    room.cancel();
    wake_readers();
}

void Console::wake_readers()
{
    for (Reader* reader : readers)
        reader->wake();
}

} // namespace zocalo::toolstack
