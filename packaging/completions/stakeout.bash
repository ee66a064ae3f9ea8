# bash completion for stakeout(1). The candidates come from the program itself, which knows its options, the running
# watches, the kernel's symbols and the processes.
_stakeout() {
    local word line offered=() files=no
    # What readline takes apart at '=' and ':' is one word to us.
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}") whole=() piece joined=no
    for piece in "${words[@]}"; do
        if [[ $piece == [=:] && ${#whole[@]} -gt 0 ]]; then
            whole[-1]+=$piece
            joined=yes
        elif [[ $joined == yes ]]; then
            whole[-1]+=$piece
            joined=no
        else
            whole+=("$piece")
        fi
    done
    while IFS= read -r line; do
        if [[ $line == :files ]]; then files=yes; else offered+=("${line%%$'\t'*}"); fi
    done < <("${COMP_WORDS[0]}" complete -- "${whole[@]}" 2>/dev/null)
    word=${whole[-1]}
    local cut=${word%"${COMP_WORDS[COMP_CWORD]}"}
    [[ ${COMP_WORDS[COMP_CWORD]} == [=:] ]] && cut=$word
    COMPREPLY=("${offered[@]#"$cut"}")
    if [[ $files == yes ]]; then
        compopt -o filenames 2>/dev/null
        local name
        while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "${word#"$cut"}")
    fi
}
complete -F _stakeout stakeout
