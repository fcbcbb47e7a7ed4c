/** What users do with Docker. Each script runs in bash, and prints what does not change from one run to the next. */

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const dockerScenarios = [
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
      docker run -d --name one bb sh -c 'echo started; trap "echo term; exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
      eventually sh -c 'docker logs one | grep started'
      docker ps --format '{{.Names}} {{.Image}}'
      docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}' one
      docker exec one echo inside
      docker top one -o pid,comm | tail -n +2 | tr -s ' ' | cut -d' ' -f2 | sort -u
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
      docker run -d --name deaf bb sh -c 'trap "" TERM; while :; do sleep 1; done' >/dev/null
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
    title: 'exec --privileged has more capabilities',
    script: `
      docker run -d --name one bb sleep 1000 >/dev/null
      docker exec --privileged one grep CapEff /proc/self/status | grep -vc a80425fb`,
  },
  {
    title: 'terminals: run -t and exec -t have one of the right size, and -i -t echoes',
    script: `
      docker run --rm -t bb sh -c 'tty; test -t 0 && test -t 1 && echo terminal' | tr -d '\\r'
      docker run -d --name one -t bb sleep 1000 >/dev/null
      docker exec -t one sh -c 'tty; ls -l /dev/console | cut -c1-10' | tr -d '\\r'
      printf 'echo typed\\nexit 5\\n' > in
      python3 - <<'PY'
import os, pty, sys, time, struct, fcntl, termios
def session(args, text):
    pid, fd = pty.fork()
    if pid == 0: os.execvp(args[0], args)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 77, 0, 0))
    output = b''
    sent = False
    while True:
        try: data = os.read(fd, 4096)
        except OSError: break
        if not data: break
        output += data
        if not sent and b'# ' in output:
            sent = True
            time.sleep(1)
            os.write(fd, text)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode().replace('\\r', '')
for args in (['docker', 'run', '--rm', '-it', 'bb', 'sh'], ['docker', 'exec', '-it', 'one', 'sh']):
    code, output = session(args, b'stty size; exit 5\\n')
    print(code, '33 77' in output)
PY`,
    prints: '/dev/pts/0\nterminal\n/dev/pts/1\ncrw--w----\n5 True\n5 True\n',
  },
  {
    title: 'pause freezes, unpause thaws, and a paused container can be removed',
    script: `
      docker run -d --name one bb sh -c 'while :; do date +%s%N > /tmp/now; sleep 0.05; done' >/dev/null
      eventually docker exec one test -s /tmp/now
      docker pause one; docker inspect -f '{{.State.Status}}' one
      docker exec one true; echo $?
      docker unpause one; docker inspect -f '{{.State.Status}}' one
      docker exec one true; echo $?
      docker pause one; docker rm -f one`,
  },
  {
    title: 'limits: memory, processors, processes, files, and update of them while running',
    script: `
      docker run -d --name one --memory 64m --memory-swap 64m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --ulimit nofile=100:200 --cpuset-cpus 0 bb sleep 1000 >/dev/null
      limits() {
        for file in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus; do
          echo "$file $(cat /sys/fs/cgroup/\${file%/*}$CGROUP/*/\${file#*/})"
        done
      }
      limits
      docker exec one sh -c 'ulimit -n; ulimit -Hn'
      docker update --memory 128m --memory-swap 128m --cpus 1.5 --cpu-shares 256 --pids-limit 60 one
      limits`,
  },
  {
    title: 'a container that exceeds its memory is OOMKilled, with 137',
    // containerd looks for OOM kills from when `start` has ended on: what is killed before is not told as such.
    script: `
      docker run --name one --memory 16m --memory-swap 16m bb sh -c 'sleep 1; dd if=/dev/zero of=/dev/null bs=200M count=1'; echo $?
      docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' one`,
  },
  {
    title: 'a container cannot have more processes than its limit',
    script: `docker run --rm --pids-limit 5 bb sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; wait' >out 2>&1; echo $?; grep -c -i fork out`,
  },
  {
    title: 'stats and events tell of the container',
    script: `
      docker run -d --name told bb sh -c 'while :; do :; done' >/dev/null
      docker stats --no-stream --format '{{.Name}} {{.PIDs}}' told
      [ "$(docker stats --no-stream --format '{{.CPUPerc}}' told)" != 0.00% ]; echo $?
      docker kill told; docker wait told; sleep 1
      docker events --since 1h --until "$(date +%s)" --filter container=told --format '{{.Action}}'`,
  },
  {
    title: 'cp both ways, diff, commit, export, import, save, load and rename',
    script: `
      docker run -d --name one bb sleep 1000 >/dev/null
      echo out > file; docker cp file one:/tmp/in; docker exec one cat /tmp/in
      docker exec one sh -c 'echo changed > /srv/made'; docker cp one:/srv/made back; cat back
      docker diff one | sort
      docker commit one kept >/dev/null; docker run --rm kept cat /srv/made
      docker export one | docker import - exported >/dev/null; docker run --rm exported cat /srv/made
      docker save kept -o kept.tar; docker rmi kept >/dev/null; docker load -i kept.tar >/dev/null; docker run --rm kept cat /srv/made
      docker rename one two; docker exec two echo renamed
      docker rm -f two; docker rmi kept exported >/dev/null`,
  },
  {
    title: 'build runs the steps of a Dockerfile in containers',
    timeout: 300_000,
    script: `
      cat > Dockerfile <<'END'
FROM bb
ARG WHO=nobody
ENV GREETING=hello
RUN echo "$GREETING $WHO" > /greeting && mkdir /app && chown ada /app
WORKDIR /app
USER ada
RUN id -un > who
COPY Dockerfile .
ENTRYPOINT ["/bin/cat"]
CMD ["/greeting"]
END
      DOCKER_BUILDKIT=0 docker build -q --build-arg WHO=world -t built . >/dev/null; echo $?
      docker run --rm built; docker run --rm built who
      printf 'FROM bb\\nRUN exit 4\\n' > Failing
      DOCKER_BUILDKIT=0 docker build -q -f Failing . 2>&1 | tail -1
      docker rmi built >/dev/null`,
  },
  {
    title: 'volumes outlive containers, bind mounts reach the host, and each container has its own layer',
    script: `
      docker volume create data >/dev/null
      docker run --rm -v data:/data bb sh -c 'echo kept > /data/file'
      docker run --rm -v data:/data bb cat /data/file
      docker run --rm -v data:/data:ro bb touch /data/no; echo $?
      docker run --rm -v $PWD:/here bb sh -c 'echo shared > /here/made'; cat made
      docker run --rm -v $PWD/made:/made:ro bb cat /made
      docker run --rm --mount type=bind,src=$PWD,dst=/here,readonly bb touch /here/no 2>&1
      docker run -d --name a bb sleep 1000 >/dev/null; docker run -d --name b bb sleep 1000 >/dev/null
      docker exec a touch /only-a; docker exec b ls /only-a 2>&1; echo $?
      docker rm -f a b; docker volume rm data`,
  },
  {
    title: 'a published port is answered over HTTP',
    script: `
      docker run -d --name web -p 127.0.0.1:8080:80 bb sh -c 'mkdir /www; echo "it works" > /www/index.html; httpd -f -p 80 -h /www' >/dev/null
      eventually busybox wget -q -O - http://127.0.0.1:8080/
      busybox wget -q -O - http://127.0.0.1:8080/`,
    prints: 'it works\n',
  },
  {
    title: 'two containers of one network reach each other by name; links, aliases and connect work',
    script: `
      docker network create mine >/dev/null
      docker run -d --name web --network mine --network-alias site bb sh -c 'mkdir /www; echo found > /www/index.html; httpd -f -p 80 -h /www' >/dev/null
      docker run --rm --network mine bb sh -c 'for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://web/ && break; sleep 1; done; wget -q -O - http://site/'
      docker run -d --name late bb sleep 1000 >/dev/null
      docker network connect mine late; docker exec late wget -q -O - http://web/
      docker network disconnect mine late; docker exec late ip -o link | wc -l
      docker rm -f web late; docker network rm mine`,
  },
  {
    title: 'networks none, host and of another container',
    script: `
      docker run --rm --network none bb ip -o link | wc -l
      docker run --rm --network host bb sh -c 'readlink /proc/self/ns/net' > inside; readlink /proc/self/ns/net | diff - inside; echo $?
      docker run -d --name one bb sleep 1000 >/dev/null
      docker exec one hostname -i > address
      docker run --rm --network container:one bb hostname -i | diff - address; echo $?
      docker run --rm --pid container:one bb ps -o args | grep -c 'sleep 1000'
      docker run --rm --ipc host --uts host --pid host bb hostname | diff - <(hostname); echo $?
      docker run --rm -h named --add-host db:10.1.2.3 --dns 127.0.0.9 bb sh -c 'hostname; grep db /etc/hosts; grep nameserver /etc/resolv.conf'`,
  },
  {
    title: 'read-only, tmpfs, shm size, working directory, environment and labels',
    script: `
      docker run --rm --read-only bb touch /no 2>&1; echo $?
      docker run --rm --read-only --tmpfs /scratch:size=1m,mode=1770,uid=7 bb sh -c 'touch /scratch/yes; ls -ld /scratch | cut -d" " -f1; stat -c %u /scratch; df -k /scratch | tail -1 | tr -s " " | cut -d" " -f2'
      docker run --rm --shm-size 8m bb sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
      docker run --rm -w /new/dir -e A=b bb sh -c 'pwd; echo $A; echo $HOME; echo $HOSTNAME | wc -c'
      docker run --rm bb sh -c 'mount | sed "s/[(]\\(r[ow]\\).*/\\1/" | cut -d" " -f3,5,6 | grep -v -E "^/ |/etc/|/sys/fs/cgroup " | sort'`,
  },
  {
    title: 'the tmpfs that holds the cgroup hierarchies is read-only, as Docker asks for',
    script: `docker run --rm bb sh -c 'mkdir /sys/fs/cgroup/mine' 2>/dev/null; echo $?`,
  },
  {
    title: 'users, groups, capabilities, no-new-privileges and limits of what root may do',
    script: `
      docker run --rm -u 1000 bb id
      docker run --rm -u ada:extra --group-add 77 bb id
      docker run --rm bb grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
      docker run --rm --cap-drop ALL --cap-add CHOWN bb grep Cap /proc/self/status
      docker run --rm -u 1000 --cap-add NET_ADMIN bb grep Cap /proc/self/status
      docker run --rm --security-opt no-new-privileges bb grep NoNew /proc/self/status
      docker run --rm --cap-drop CHOWN bb chown 1 /tmp 2>&1; echo $?
      docker run --rm bb mount -t tmpfs none /tmp 2>&1; echo $?
      docker run --rm --sysctl net.core.somaxconn=99 bb cat /proc/sys/net/core/somaxconn
      docker run --rm --oom-score-adj 321 bb cat /proc/self/oom_score_adj
      docker run --rm bb sh -c 'cat /proc/kcore 2>&1 | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/printk' 2>/dev/null; echo $?`,
  },
  {
    title: 'seccomp profiles: the default one, one of the user, and none',
    script: `
      docker run --rm bb sh -c 'unshare -m true' 2>&1; echo $?
      docker run --rm --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
      echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' > profile.json
      docker run --rm --security-opt seccomp=profile.json bb mkdir /x 2>&1; echo $?`,
  },
  {
    title: 'devices, and an init',
    script: `
      docker run --rm bb ls /dev | grep -v core | tr '\\n' ' '; echo
      docker run --rm --device /dev/zero:/dev/mine:r bb sh -c 'head -c 4 /dev/mine | wc -c; echo > /dev/mine' 2>&1
      docker run --rm bb sh -c 'mknod /tmp/k c 1 2 && head -c 1 /tmp/k' 2>&1; echo $?
      docker run --rm --init bb ps -o pid,comm | head -2 | tail -1`,
  },
  {
    title: 'privileged containers may mount, and write to the kernel',
    script: `
      docker run --rm --privileged bb sh -c 'grep "Seccomp:" /proc/self/status; mount -t tmpfs none /tmp && echo mounted; ls /dev/kmsg; touch /proc/sys/kernel/printk && echo writable'`,
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
      eventually sh -c 'docker inspect -f "{{.RestartCount}} {{.State.Status}}" two | grep -x "1 running"'; echo $?`,
  },
  {
    title: 'tsrun beside the default runtime, by name',
    script: `docker run --rm --runtime tsrun bb echo hello; docker run --rm --runtime runc bb echo hello`,
    prints: 'hello\nhello\n',
  },
  {
    title: 'twenty containers at once, then none',
    script: `
      for i in $(seq 20); do docker run -d --name many-$i --network none bb sleep 1000 >/dev/null & done; wait
      docker ps -q | wc -l
      docker ps -q | xargs docker rm -f | wc -l
      ls -d /sys/fs/cgroup/pids$CGROUP/*/ 2>/dev/null | wc -l`,
    prints: '20\n20\n0\n',
  },
]
