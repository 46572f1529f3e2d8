# SPDX-License-Identifier: Apache-2.0
# fish completion for zl; what is offered comes from the program itself.
function __zl_complete
    set -l typed (commandline -opc) (commandline -ct)
    for line in (zl __complete $typed[2..-1] 2>/dev/null)
        if test "$line" = "#files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c zl -f -a "(__zl_complete)"
