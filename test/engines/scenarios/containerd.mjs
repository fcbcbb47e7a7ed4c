/** What is done with containerd's client. The runtime's binary is named for each container. */

const run = 'ctr run --runc-binary $RUNTIME'
const image = 'localhost/bb:latest'
const detached = `${run} -d ${image} one sleep 1000`

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const containerdScenarios = [
  {
    title: 'run prints, and exits as the container does',
    script: `
      ${run} --rm ${image} one echo hello; echo $?
      ${run} --rm ${image} two sh -c 'exit 7'; echo $?
      ${run} --rm ${image} three /nowhere >/dev/null 2>&1; echo $?
      ${run} --rm --env A=b --cwd /tmp ${image} four sh -c 'echo $A; pwd'`,
    prints: 'hello\n0\n7\n1\nb\n/tmp\n',
  },
  {
    title: 'tasks: ls, exec, ps, pause, resume, kill, delete',
    script: `
      ${detached}
      ctr task ls | tail -n +2 | tr -s ' ' | cut -d' ' -f1,3
      ctr task exec --exec-id a one echo inside; echo $?
      ctr task exec --exec-id b one sh -c 'exit 9'; echo $?
      ctr task exec --exec-id c one /nowhere >/dev/null 2>&1; echo $?
      ctr task exec --exec-id d --cwd /tmp --user 1000 one sh -c 'pwd; id -u'
      ctr task ps one | wc -l
      ctr task pause one; ctr task ls | tail -n +2 | tr -s ' ' | cut -d' ' -f3
      ctr task resume one; ctr task ls | tail -n +2 | tr -s ' ' | cut -d' ' -f3
      ctr task kill -s SIGKILL one; eventually sh -c 'ctr task ls | grep STOPPED'
      ctr task delete one; echo $?
      ctr container rm one; ctr container ls -q | wc -l`,
  },
  {
    title: 'limits and metrics',
    script: `
      ${run} -d --memory-limit 33554432 --cpu-quota 50000 --cpu-period 100000 ${image} one sleep 1000
      ctr task metrics one | grep -E 'pids.current|hierarchical_memory_limit' | tr -s ' '
      ctr task exec --exec-id a one true; echo $?`,
  },
  {
    title: 'OOM is told of each program that exceeds its memory as soon as it begins',
    // The shim listens from when `start` has ended on. On a busy machine that is too late now and then, with runc too; if tsrun did
    // not hold the program it would be most of the times.
    script: `
      ctr events > events & eventually ctr version
      for i in $(seq 20); do
        ${run} --rm --memory-limit 15728640 ${image} oom$i sh -c 'dd if=/dev/zero of=/dev/null bs=20M' 2>/dev/null; echo $?
      done | sort | uniq -c
      eventually sh -c 'grep -c /tasks/delete events | grep -x 20'
      kill %1; told=$(grep -c /tasks/oom events); echo told: $told >&2; [ $told -lt 16 ] || echo told`,
    prints: '     20 137\ntold\n',
    timeout: 180_000,
  },
  {
    title: 'options: read-only, privileged, capabilities, mounts, host network, no new privileges',
    script: `
      ${run} --rm --read-only ${image} a touch /no 2>&1; echo $?
      ${run} --rm --privileged ${image} b grep -E 'CapEff|Seccomp:' /proc/self/status
      ${run} --rm --cap-add CAP_SYS_ADMIN ${image} c grep CapEff /proc/self/status
      echo shared > file; ${run} --rm --mount type=bind,src=$PWD,dst=/here,options=rbind:ro ${image} d cat /here/file
      ${run} --rm --net-host ${image} e ip -o link | wc -l
      ${run} --rm --allow-new-privs ${image} f grep NoNew /proc/self/status
      ${run} --rm --seccomp ${image} g grep Seccomp: /proc/self/status`,
  },
  {
    title: 'many short-lived exec end, each with its status',
    script: `
      ${detached}
      for i in $(seq 20); do timeout 20 ctr task exec --exec-id e$i one sh -c "exit $i"; echo $?; done`,
  },
  {
    title: 'a terminal, SIGTERM to all, and delete by force',
    script: `
      terminal '# ' 'tty; exit 5\\n' -- ${run} -t --rm ${image} one sh; tr -d '\\r' < screen | grep -x /dev/pts/0
      ${run} -d ${image} two sh -c 'trap "exit 4" TERM; sleep 1000 & wait' >/dev/null
      eventually sh -c 'ctr task ps two | grep -c . | grep -x 3'
      ctr task kill -a -s SIGTERM two; eventually sh -c 'ctr task ls | grep STOPPED'
      ctr task delete two; echo $?; ctr container rm two
      ${detached}
      ctr task delete -f one; echo $?; ctr container rm one; ctr task ls -q | wc -l`,
  },
]
