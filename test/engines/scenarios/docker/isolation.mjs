/** What a container may and may not do, and how much of it. */

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const isolationScenarios = [
  {
    title: 'exec --privileged has more capabilities',
    script: `
      docker run -d --name one bb sleep 1000 >/dev/null
      docker exec --privileged one grep CapEff /proc/self/status | grep -vc a80425fb`,
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
    // containerd looks for OOM kills from when `start` has ended on: what is killed before is not told as such. With runc that
    // happens now and then to a program that does not sleep first, on a busy machine.
    script: `
      for i in $(seq 10); do
        docker run --name one$i --memory 15m --memory-swap 15m bb sh -c 'dd if=/dev/zero of=/dev/null bs=20M' 2>/dev/null
        docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' one$i
      done > reasons
      told=$(grep -c 'true 137' reasons); echo told: $told >&2; [ $told -lt 8 ] || echo told
      docker run --name one --memory 16m --memory-swap 16m bb sh -c 'sleep 1; dd if=/dev/zero of=/dev/null bs=200M count=1'; echo $?
      docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' one`,
  },
  {
    title: 'a container cannot have more processes than its limit',
    script: `docker run --rm --pids-limit 5 bb sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; wait' >out 2>&1; echo $?; grep -c -i fork out`,
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
      docker run --rm --device /dev/zero:/dev/mine:r bb sh -c 'head -c 4 /dev/mine | wc -c; echo > /dev/mine' 2>/dev/null; echo $?
      docker run --rm bb sh -c 'mknod /tmp/k c 1 2 && head -c 1 /tmp/k' 2>&1; echo $?
      docker run --rm --init bb ps -o pid,comm | head -2 | tail -1`,
  },
  {
    title: 'privileged containers may mount, and write to the kernel',
    script: `
      docker run --rm --privileged bb sh -c 'grep "Seccomp:" /proc/self/status; mount -t tmpfs none /tmp && echo mounted; ls /dev/kmsg; touch /proc/sys/kernel/printk && echo writable'`,
  },
]
