/** A container from its start to its end. */

/** How many containers come at once: \`CONTAINERS=300\`, for a machine that has nothing else to do. */
const many = Number(process.env.CONTAINERS || 20)

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const lifeScenarios = [
  {
    title: 'run prints what the container prints, on both streams, and passes its standard input on',
    script: `
      docker run --rm bb echo hello
      docker run --rm bb sh -c 'echo err >&2' 2>&1 >/dev/null
      echo from outside | docker run --rm -i bb cat
      echo $?`,
    prints: 'hello\nerr\nfrom outside\n0\n',
  },
  {
    title: 'run exits as the container does',
    script: `
      for code in 0 1 42 255; do docker run --rm bb sh -c "exit $code"; echo $?; done
      docker run --rm bb sh -c 'sh -c "kill -9 \\$PPID"; sleep 5' ; echo $?
      docker run --rm --init bb sh -c 'kill -TERM $$'; echo $?`,
  },
  {
    title: 'run exits with 127 for a program that is not there, and 126 for one that cannot be run',
    script: `
      docker run --rm bb /nowhere 2>/dev/null; echo $?
      docker run --rm bb nowhere 2>/dev/null; echo $?
      docker run --rm bb /etc/passwd 2>/dev/null; echo $?
      docker run --rm bb /etc 2>/dev/null; echo $?
      docker run --rm -w /etc/passwd bb true 2>/dev/null; echo $?
      docker ps -aq | wc -l`,
  },
  {
    title: 'the life of a detached container: run, ps, logs, exec, top, stop, start, restart, rm',
    script: `
      docker run -d --name one bb sh -c 'echo started; trap "echo term; exit 3" TERM; sleep 600 & wait' >/dev/null
      eventually sh -c 'docker logs one | grep started'
      docker ps --format '{{.Names}} {{.Image}}'
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}' one
      docker exec one echo inside
      docker top one -o pid,comm | tail -n +2 | tr -s ' ' | cut -d' ' -f2 | grep -x sh
      docker stop one
      docker logs one
      docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' one
      docker start one; docker restart -t 5 one
      docker inspect -f '{{.State.Status}} {{.RestartCount}}' one
      docker kill -s KILL one; docker wait one
      docker rm one; docker ps -aq | wc -l`,
  },
  {
    title: 'stop kills what does not heed SIGTERM',
    script: `
      docker run -d --name deaf bb sh -c 'trap "" TERM; sleep 600' >/dev/null
      docker stop -t 1 deaf; docker inspect -f '{{.State.ExitCode}}' deaf`,
    prints: 'deaf\n137\n',
  },
  {
    title: 'exec: user, directory, environment, exit codes, standard input, detached',
    script: `
      docker run -d --name one bb sleep 1000 >/dev/null
      docker exec -u 1000:2000 one id
      docker exec -u ada one id
      docker exec -w /tmp one pwd
      docker exec -e A=1 -e B='two words' one sh -c 'echo "$A $B"'
      docker exec one sh -c 'exit 9'; echo $?
      docker exec one /nowhere >/dev/null 2>&1; echo $?
      docker exec one /etc/passwd >/dev/null 2>&1; echo $?
      echo typed | docker exec -i one cat
      docker exec -d one touch /tmp/touched; eventually docker exec one test -e /tmp/touched; echo $?
      docker exec one grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
      docker exec one sh -c 'kill -9 $$'; echo $?`,
  },
  {
    title: 'terminals: run -t and exec -t have one of the right size, and -i -t echoes',
    script: `
      docker run --rm -t bb sh -c 'tty; test -t 0 && test -t 1 && echo terminal' | tr -d '\\r'
      docker run -d --name one -t bb sleep 1000 >/dev/null
      docker exec -t one sh -c 'tty; ls -l /dev/console | cut -c1-10' | tr -d '\\r'
      type='for i in $(seq 300); do stty size | grep "33 77" && exit 5; sleep 0.1; done\\n'
      terminal '# ' "$type" -- docker run --rm -it bb sh; tr -d '\\r' < screen | grep -cx '33 77'
      terminal '# ' "$type" -- docker exec -it one sh; tr -d '\\r' < screen | grep -cx '33 77'`,
    prints: '/dev/pts/0\nterminal\n/dev/pts/1\ncrw--w----\n5\n1\n5\n1\n',
  },
  {
    title: 'attach: standard input, output, signals and exit code; start -ai; leaving a terminal that goes on',
    script: `
      docker run -d -i --name one bb sh -c 'read line; echo "got $line"; read line; exit 6' >/dev/null
      { echo typed; eventually grep typed told; echo; } | docker attach one > told; echo $?; cat told
      docker run -d --name two bb sh -c 'trap "echo term; exit 3" TERM; for i in $(seq 6000); do echo tick; sleep 0.1; done' >/dev/null
      docker attach --no-stdin two > ticks & client=$!
      eventually grep tick ticks; kill -TERM $client; wait $client; echo $?; docker logs --tail 1 two
      docker create --name three -i bb sh -c 'read line; echo "$line"; cat; exit 4' >/dev/null
      { echo through; eventually grep through passed; } | docker start -ai three > passed; echo $?; cat passed
      docker run -dit --name four bb sh >/dev/null
      terminal '# ' 'echo $((41 + 1))\\n' 42 '\\x10\\x11' -- docker attach four
      docker inspect -f '{{.State.Running}}' four`,
    prints: '6\ngot typed\n3\nterm\n4\nthrough\n1\ntrue\n',
  },
  {
    title: 'run ends with 137 when its container is killed, and kill sends any signal',
    script: `
      docker run --name one bb sleep 1000 & client=$!
      up() { docker inspect -f '{{.State.Running}}' one | grep true; }
      eventually up; docker kill one; wait $client; echo $?
      docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' one
      docker run -d --name two bb sh -c 'trap "echo usr1" USR1; echo ready; sleep 600 & wait; wait' >/dev/null
      eventually sh -c 'docker logs two | grep ready'; docker kill -s USR1 two; eventually sh -c 'docker logs two | grep usr1'
      docker kill -s 9 two; docker wait two`,
    prints: 'one\n137\n137 false\ntwo\ntwo\n137\n',
  },
  {
    title: 'pause freezes, unpause thaws, and a paused container can be removed',
    script: `
      docker run -d --name one bb sh -c 'for i in $(seq 12000); do date +%s%N > /tmp/now; sleep 0.05; done' >/dev/null
      eventually docker exec one test -s /tmp/now
      docker pause one; docker inspect -f '{{.State.Status}}' one
      docker exec one true; echo $?
      docker unpause one; docker inspect -f '{{.State.Status}}' one
      docker exec one true; echo $?
      docker pause one; docker rm -f one`,
  },
  {
    title: 'stats and events tell of the container',
    script: `
      docker run -d --name told bb sh -c 'i=0; while [ $i -lt 1000000000 ]; do i=$((i + 1)); done' >/dev/null
      docker stats --no-stream --format '{{.Name}} {{.PIDs}}' told
      [ "$(docker stats --no-stream --format '{{.CPUPerc}}' told)" != 0.00% ]; echo $?
      docker kill told; docker wait told; sleep 1
      docker events --since 1h --until "$(date +%s)" --filter container=told --format '{{.Action}}'`,
  },
  {
    title: 'a health check turns healthy, and unhealthy',
    script: `
      docker run -d --name one --health-cmd 'test ! -e /tmp/sick' --health-interval 1s --health-retries 1 bb sleep 1000 >/dev/null
      state() { docker inspect -f '{{.State.Health.Status}}' one | grep -x "$1"; }
      eventually state healthy; state healthy
      docker exec one touch /tmp/sick; eventually state unhealthy; state unhealthy`,
    prints: 'healthy\nunhealthy\n',
  },
  {
    title: 'restart policies',
    script: `
      docker run -d --name one --restart on-failure:2 bb false >/dev/null
      eventually sh -c 'docker inspect -f "{{.RestartCount}} {{.State.Status}}" one | grep -x "2 exited"'
      docker inspect -f '{{.RestartCount}} {{.State.ExitCode}}' one
      docker run -d --name two --restart always bb sleep 1000 >/dev/null
      docker exec two kill -9 1; kill -9 $(docker inspect -f '{{.State.Pid}}' two)
      eventually sh -c 'docker inspect -f "{{.RestartCount}} {{.State.Status}}" two | grep -x "1 running"'; echo $?
      docker run -d --name three --restart unless-stopped bb sh -c 'trap "exit 0" TERM; sleep 1000 & wait' >/dev/null
      kill -9 $(docker inspect -f '{{.State.Pid}}' three)
      eventually sh -c 'docker inspect -f "{{.RestartCount}} {{.State.Status}}" three | grep -x "1 running"'; echo $?
      docker stop three; docker inspect -f '{{.RestartCount}} {{.State.Status}}' three`,
  },
  {
    title: 'tsrun beside the default runtime, by name',
    script: `docker run --rm --runtime tsrun bb echo hello; docker run --rm --runtime runc bb echo hello`,
    prints: 'hello\nhello\n',
  },
  {
    title: 'many containers at once, then none',
    timeout: 60_000 + many * 3000,
    script: `
      since() { echo "$1: $(($(date +%s%3N) - began)) ms" >&2; began=$(date +%s%3N); }; began=$(date +%s%3N)
      seq ${many} | xargs -P 20 -I N docker run -d --name many-N --network none bb sleep 10000 | wc -l; since '${many} made'
      docker ps -q | wc -l
      docker exec many-1 echo first; docker exec many-${many} echo last; since 'ps and two execs'
      docker stats --no-stream --format '{{.PIDs}}' many-1 many-${many}; since stats
      docker ps -q | xargs -n 1 docker rm -f | wc -l; since removed
      find /sys/fs/cgroup/*$CGROUP -mindepth 1 -type d | wc -l
      eventually sh -c '! pgrep -x containerd-shim'; ls $WORK/exec/runtime-runc/moby | wc -l; grep -c /merged /proc/self/mountinfo`,
    prints: `${many}\n${many}\nfirst\nlast\n1\n1\n${many}\n0\n0\n0\n`,
  },
]
