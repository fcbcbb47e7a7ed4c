/** The scripts that make shells ask `tsrun completion words`. What they get: a word, a tab and what it is about on each line, or `:files`. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const head = (shell: Shell): string => `# Completion of tsrun for ${shell}, made by: tsrun completion ${shell}\n`

const bash = `${head('bash')}
_tsrun() {
  local word line kind= start= words=() values=() paths=()
  # Readline takes --flag=value apart.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#words[@]} -gt 0 && ( $word == = || \${words[-1]} == *= ) ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  word=\${words[-1]}
  while IFS= read -r line; do
    case $line in
      :*) kind=\${line#:} ;;
      *) values+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" completion words -- "\${words[@]}" 2>/dev/null)
  [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && start=\${word%"\${word##*=}"}
  COMPREPLY=("\${values[@]#"$start"}")
  [[ $word == -*=* ]] && word=\${word#*=}
  case $kind in
    files) mapfile -t paths < <(compgen -f -- "$word") ;;
    directories) mapfile -t paths < <(compgen -d -- "$word") ;;
  esac
  [[ -n $kind ]] && compopt -o filenames 2>/dev/null
  COMPREPLY+=("\${paths[@]}")
}
complete -F _tsrun tsrun
`

const zsh = `#compdef tsrun
${head('zsh')}
_tsrun() {
  local line kind=
  local -a values
  for line in "\${(@f)$("\${(Q)words[1]}" completion words -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :*) kind=\${line#:} ;;
      ?*) values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#values )) && _describe -t words tsrun values
  [[ -n $kind && $words[CURRENT] == -*=* ]] && compset -P '*='
  case $kind in
    files) _files ;;
    directories) _files -/ ;;
  esac
}

if [[ $funcstack[1] == _tsrun ]]; then _tsrun "$@"; else compdef _tsrun tsrun; fi
`

const fish = `${head('fish')}
function __tsrun_words
    set -l token (commandline -ct)
    set -l words (commandline -opc) "$token"
    set -l start (string match -r -- '^-[^=]*=' "$token")
    set -l path (string replace -r -- '^-[^=]*=' '' "$token")
    for line in ($words[1] completion words -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                string join \\n -- "$start"(__fish_complete_path "$path")
            case ':directories'
                string join \\n -- "$start"(__fish_complete_directories "$path")
            case '*'
                echo $line
        end
    end
end
complete -c tsrun -f -a '(__tsrun_words)'
`

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash, zsh, fish }
