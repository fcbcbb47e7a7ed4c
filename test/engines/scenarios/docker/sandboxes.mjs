/** Sandboxes in containers of Docker without options, where there are no user namespaces: as root, and as a user. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..')
const PROGRAMS = `-v ${root}:/code:ro -v ${process.execPath}:/node:ro -v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro`

const attempts = `
tsrun() { /node /code/dist/cli/tsrun.cjs "$@"; }
tsrun doctor > /tmp/told; echo doctor: $?
grep -E '^(user-namespaces|landlock):' /tmp/told | cut -d: -f1,2
grep -c 'tsrun sandbox --minimum landlock' /tmp/told
for minimum in no-procfs full; do
  tsrun sandbox --minimum $minimum -- true 2> /tmp/error; echo $minimum: $?
  grep -c 'seccomp=unconfined.*--minimum landlock' /tmp/error
done
tsrun sandbox --minimum landlock -- true 2> /tmp/error; echo landlock: $?
grep -c 'without namespaces' /tmp/error
tsrun sandbox --minimum landlock -- sh -c 'echo kept > file; cat file /code/package.json' 2> /tmp/error; echo $?
grep -c 'package.json: Permission denied' /tmp/error
tsrun sandbox --minimum landlock --timeout 500ms -- sh -c 'setsid sleep 9301 & sleep 9301' 2>/dev/null; echo late: $?
ps -o args | grep -c '[s]leep 9301'
ls -A $(ls -d /run/tsrun-sandbox /tmp/tsrun-sandbox-* 2>/dev/null)/boxes
`

const printed = `doctor: 1
user-namespaces: no
landlock: yes
1
no-procfs: 125
1
full: 125
1
landlock: 0
1
kept
1
1
late: 124
0
`

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const sandboxScenarios = ['root', 'a user'].map(who => ({
  title: `sandboxes in a container without options, as ${who}`,
  script: `
    cat > attempts <<'END'${attempts}END
    docker run --rm ${who === 'root' ? '' : '--user 1000'} ${PROGRAMS} -v $PWD/attempts:/attempts:ro bb sh /attempts`,
  prints: printed,
  needs: {
    script: `node ${root}/dist/cli/tsrun.cjs doctor | grep -Eq '^landlock: yes: version ([6-9]|[1-9][0-9])'`,
    what: 'Landlock of Linux 6.12',
  },
}))
