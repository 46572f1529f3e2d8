// SPDX-License-Identifier: Apache-2.0
#include "cli/man.hpp"

#include "cli/cfg/keys.hpp"
#include "cli/help.hpp"
#include "cli/registry.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

// Text as roff shows it unchanged.
std::string roff(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && out.empty())
            out += std::string{"\\&"} + c;
        else
            out += c;
    }
    return out;
}

void head(std::ostream& out, const char* name, const char* section, const char* summary)
{
    out << ".TH " << name << ' ' << section << " \"\" \"Z\\[u00F3]calo\"\n.SH NAME\n"
        << name << " \\- " << summary << '\n';
}

void print_options(std::ostream& out, std::span<const Option> options)
{
    for (const Option& option : options) {
        if (!in_mode(option, Mode::zl))
            continue;
        out << ".TP\n\\fB";
        if (option.letter != 0)
            out << "\\-" << option.letter << "\\fR, \\fB";
        out << "\\-\\-" << roff(option.name) << "\\fR";
        if (!option.value.empty())
            out << " \\fI" << roff(option.value) << "\\fR";
        out << '\n' << roff(option.help) << ".\n";
    }
}

void print_command(std::ostream& out, const Command& command)
{
    out << ".SS " << command.name << "\n.B zl " << roff(command.name) << "\n"
        << roff(command.arguments.empty() ? std::string_view{"[options]"} : command.arguments)
        << "\n.PP\n"
        << roff(command.summary) << '\n';
    if (!command.details.empty())
        out << roff(command.details) << '\n';
    print_options(out, all_options(command));
}

constexpr const char* kExitStatus = R"(.SH EXIT STATUS
.TS
tab(|);
l l.
0|done
1|failed
2|usage: the command line or the configuration is wrong
3|not found
4|conflict: it exists already, or is in the wrong state
5|denied
6|time is over; the operation may go on
7|the daemon cannot be reached
8|not supported
.TE
.PP
Called as
.BR xl ,
only 0 and 1.
)";

constexpr const char* kGrammar = R"(.SH SYNTAX
.nf
KEY = VALUE        one a line, or separated by ;
KEY += VALUE       joins lists, or strings
VALUE              'text', "text", 512, 0x200, 01000 or [VALUE, VALUE,]
# comment
.fi
.PP
A key begins with a lower-case letter and goes on with letters, digits, dots and underscores.
Lists may be nested and may span lines. In strings, \e" \e' \e\e \en \et \ex41 and \e101 are known.
.SH DISKSPEC
Parts separated by commas. Without a name they are, in this order: target, format, vdev, access.
Names:
.BR target= " (last; takes the rest of the string, commas too),"
.BR format= "raw (qcow2, vhd and qed are read but not supported yet),"
.BR vdev= "xvda, sda1, hdc, d0p1 or a number,"
.BR access= "ro or rw,"
.BR devtype= "disk or cdrom,"
.BR backendtype= ,
.BR script= " (not supported),"
.BR backend= ,
.BR sector\-size= " (512 or 4096; zl only)."
Flags:
.BR cdrom ,
.BR discard ,
.BR no\-discard ,
.BR trusted ,
.BR untrusted ,
.BR direct\-io\-safe .
The old form PREFIX:TARGET,VDEV[:cdrom],ACCESS is understood. A target that does not begin with / is
looked for in /dev.
.SH VIFSPEC
KEY=VALUE separated by commas, all of them optional:
.BR mac ,
.BR bridge " (default xenbr0),"
.BR rate " such as 10Mb/s or 1MB/s@20ms,"
.BR vifname ,
.BR mtu ,
.BR devid ,
.BR ip ,
.BR gatewaydev ,
.BR model ,
.BR type ,
.BR script ,
.BR backend ,
.BR vlan ,
and the flags
.BR trusted ,
.BR untrusted ,
and, of the bridge's port (zl only),
.B isolated
(no frames to and from other isolated ports),
.B no\-learning
and
.BR no\-flood ;
of what guest and host leave to one another (zl only),
.B no\-sg
(frames of one page),
.B no\-gso
(TCP comes segmented) and
.B no\-csum
(checksums come finished).
.SH CHANNELSPEC
.BI name= NAME ,connection=socket,path= PATH
or
.BI name= NAME ,connection=pty .
The guest sees a console device that knows its name; in dom0 it is a socket that takes one client at a time, or a
terminal whose path `zl channel\-list` shows. What nobody reads in dom0 waits, and then the guest does.
)";

} // namespace

void print_man_zl(std::ostream& out)
{
    out << "'\\\" t\n";
    head(out, "zl", "1", "manage Z\\[u00F3]calo and Xen domains");
    out << ".SH SYNOPSIS\n.B zl\n[options] \\fICOMMAND\\fR [arguments]\n.SH DESCRIPTION\n"
        << "zl asks toolstackd(8) over its Unix socket. A DOMAIN is a name, a domid, a UUID or the "
           "unique beginning of one. Commands and long options may be cut short while they are "
           "unique. Called as\n.BR xl ,\nit prints xl's tables.\n.SH OPTIONS\n";
    print_options(out, global_options());
    auto last = Section::help;
    for (const Command* command : commands()) {
        if (command == commands().front() || command->section != last)
            out << ".SH \"" << title(command->section) << "\"\n";
        last = command->section;
        print_command(out, *command);
    }
    out << kExitStatus
        << ".SH ENVIRONMENT\n.TP\n.B ZOCALO_SOCKET\nThe daemon's socket.\n.TP\n.BR VISUAL \", \" "
           "EDITOR\nThe editor of edit.\n.SH SEE ALSO\n.BR zl.cfg (5),\n.BR zl\\-api (7),\n.BR "
           "toolstackd (8)\n";
}

void print_man_cfg(std::ostream& out)
{
    head(out, "zl.cfg", "5", "configuration of a domain, in the syntax of xl.cfg");
    out << ".SH DESCRIPTION\nRead by zl(1) create, define and apply. Keys that are not known are "
           "named in a warning; with \\-\\-strict warnings are errors.\n"
        << kGrammar << ".SH KEYS\n";
    for (const cfg::Key& key : cfg::keys())
        out << ".TP\n\\fB" << key.name << "\\fR (" << roff(cfg::name(key.type)) << ")\n"
            << roff(key.help) << '\n';
    out << ".SH KEYS WITHOUT EFFECT\nKnown to xl(1), accepted with a warning:\n";
    const char* separator = "";
    for (const std::string_view name : cfg::keys_without_effect()) {
        out << separator << name;
        separator = ",\n";
    }
    out << ".\n.SH SEE ALSO\n.BR zl (1)\n";
}

} // namespace zocalo::cli
