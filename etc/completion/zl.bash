# SPDX-License-Identifier: Apache-2.0
# bash completion for zl; what is offered comes from the program itself.
_zl()
{
    local IFS=$'\n' words line
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while read -r line; do
        if [ "$line" = "#files" ]; then
            compopt -o filenames
            COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        else
            COMPREPLY+=("$line")
        fi
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
}
complete -F _zl zl
