# fish completion for stakeout(1). The candidates come from the program itself.
function __stakeout_complete
    set -l words (commandline -opc)
    set -l files no
    for line in ($words[1] complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
        if test "$line" = :files
            set files yes
        else
            echo $line
        end
    end
    test $files = yes; and __fish_complete_path (commandline -ct)
end
complete -c stakeout -f -a '(__stakeout_complete)'
