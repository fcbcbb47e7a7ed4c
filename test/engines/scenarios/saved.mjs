/** Containers that are saved and made again by CRIU, as users of Podman and Docker ask for it. */

/** The shell program COUNTER counts, and `goes_on` looks whether no number was lost or told twice, and more come. */
const prelude = `
COUNTER='i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo $i; sleep 0.1; done'
counted() { eventually sh -c "$ENGINE logs $1 | grep -q ^$2"; }
goes_on() {
  last=$($ENGINE logs $1 | tail -n 1 | tr -d '\\r')
  eventually sh -c "$ENGINE logs $1 | tr -d '\\r' | grep -x $((last + 3))"
  $ENGINE logs $1 | awk '{ sub("\\r", "") } $1 != NR { print "gap at", NR; exit } END { print "no gap" }'
}
`
const withPodman = script => `ENGINE=podman${prelude}${script}`
const withDocker = script => `ENGINE=docker${prelude}${script}`

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const podmanSavedScenarios = [
  {
    title: 'checkpoint and restore: it counts on, with --keep and --leave-running, again and again',
    script: withPodman(`
      podman run -d --name one --network none bb sh -c "$COUNTER" >/dev/null; counted one 5
      state() { podman inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Checkpointed}}' one; }
      podman container checkpoint one; state
      podman container restore one; state; goes_on one; podman exec one echo inside
      podman container checkpoint --leave-running --keep one; state; goes_on one
      podman container checkpoint --keep --print-stats one | grep -c frozen_time
      podman container restore --keep --print-stats one | grep -c forking_time; goes_on one
      ls $(podman inspect -f '{{.StaticDir}}' one) | sort
      podman container checkpoint --all | wc -l; podman container restore --all | wc -l; goes_on one
      podman stop -t 0 one; podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
      podman start one; state; podman rm -f -t 0 one`),
    succeeds: true,
  },
  {
    title: 'checkpoints are exported, and imported under the same and other names',
    script: withPodman(`
      run="--network none --memory 64m --tmpfs /scratch -v $WORK/scratch:/data"
      podman run -d --name one $run bb sh -c "echo kept > /scratch/file; echo changed > /etc/changed; echo volume > /data/file; $COUNTER" >/dev/null
      counted one 5
      podman container checkpoint --export $WORK/scratch/one.tar.gz one
      tar tf $WORK/scratch/one.tar.gz | grep -v '^checkpoint/' | sort
      podman rm one; podman ps -aq | wc -l
      podman container restore --import $WORK/scratch/one.tar.gz >/dev/null; goes_on one
      podman exec one cat /scratch/file /etc/changed /data/file
      cat /sys/fs/cgroup/memory/libpod_parent/libpod-$(podman inspect -f '{{.Id}}' one)/memory.limit_in_bytes
      podman rm -f -t 0 one >/dev/null
      for name in two three; do podman container restore --import $WORK/scratch/one.tar.gz --name $name >/dev/null; echo $?; done
      podman ps --format '{{.Names}}' | sort; counted two .; podman exec three cat /scratch/file
      for how in none gzip zstd; do podman container checkpoint -R -e $WORK/scratch/$how -c $how two; done
      podman container checkpoint -e $WORK/scratch/plain --ignore-rootfs two; podman rm two >/dev/null
      podman container restore --import $WORK/scratch/plain --ignore-static-ip --ignore-static-mac --name four >/dev/null
      podman exec four sh -c 'cat /etc/changed; echo $?'`),
    succeeds: true,
  },
  {
    title: 'locks of files and connections are kept if that is asked for; an error leaves things as they were',
    script: withPodman(`
      host='-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro'
      podman run -d --name locked --network none $host bb sh -c "exec 9>/tmp/lock; /usr/bin/flock 9; $COUNTER" >/dev/null; counted locked 3
      podman container checkpoint locked >/dev/null; echo $?; podman inspect -f '{{.State.Status}}' locked
      podman container checkpoint --file-locks locked; podman container restore --file-locks locked; goes_on locked
      podman exec locked /usr/bin/flock -n /tmp/lock true; echo $?
      podman container checkpoint --pre-checkpoint locked >/dev/null; echo $?; podman inspect -f '{{.State.Status}}' locked
      podman run -d --name talks --network none bb sh -c 'nc -l -p 9000 -e cat & sleep 1; { '"$COUNTER"'; } | nc 127.0.0.1 9000' >/dev/null; counted talks 3
      podman container checkpoint talks >/dev/null; echo $?; podman inspect -f '{{.State.Status}}' talks
      podman container checkpoint --tcp-established talks; podman inspect -f '{{.State.Status}}' talks
      podman container restore talks >/dev/null; echo $?
      podman container restore nothing >/dev/null; echo $?`),
  },
  {
    title: 'an open connection over loopback goes on, if that is asked for',
    script: withPodman(`
      podman run -d --name talks --network none bb sh -c 'nc -l -p 9000 -e cat & sleep 1; { '"$COUNTER"'; } | nc 127.0.0.1 9000' >/dev/null; counted talks 3
      podman container checkpoint --tcp-established talks; podman container restore --tcp-established talks; echo $?
      [ "$(podman inspect -f '{{.State.Status}}' talks)" = exited ] || goes_on talks; podman inspect -f '{{.State.Status}}' talks`),
  },
]

/** Newer ones look for the network of a process that is not there yet, with any runtime (containerd's issue 12141). */
const needs = {
  script: "docker version -f '{{.Server.Version}}' | awk -F. '{ exit $1 >= 28 }'",
  what: 'a Docker before 28, which can restore',
}

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const dockerSavedScenarios = [
  {
    title: 'checkpoint create, ls, rm and start --checkpoint: it counts on',
    needs,
    script: withDocker(`
      docker run -d --name one --network none bb sh -c "$COUNTER" >/dev/null; counted one 5
      state() { docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' one; }
      docker checkpoint create one first; state; docker checkpoint ls one | tr -s ' '
      docker start --checkpoint first one; state; goes_on one; docker exec one echo inside
      docker checkpoint create --leave-running one second; state; goes_on one
      docker checkpoint create --leave-running --checkpoint-dir $WORK/scratch one third; state
      docker checkpoint ls one | tr -s ' '; docker checkpoint ls --checkpoint-dir $WORK/scratch one
      docker checkpoint rm one first; docker checkpoint ls one
      docker stop -t 0 one; state; docker start --checkpoint second one; state; docker logs one | tail -n 1 | grep -c .
      docker kill one; docker start --checkpoint nothing one 2>/dev/null; echo $?; state; docker start one; state`),
  },
  {
    title: 'a terminal, a volume, tmpfs, limits, a published port',
    needs,
    script: withDocker(`
      serve='mkdir -p /www; echo page > /www/index.html; echo kept > /scratch/file; echo volume > /data/file; httpd -p 80 -h /www'
      docker run -dit --name one -v $WORK/scratch:/data --memory 64m --pids-limit 50 --tmpfs /scratch -p 8081:80 -e A=b bb sh -c "$serve; $COUNTER" >/dev/null
      counted one 5; wget -q -O - http://127.0.0.1:8081/
      docker checkpoint create one saved; docker start --checkpoint saved one; goes_on one
      docker exec one sh -c 'cat /scratch/file /data/file; tr "\\0" "\\n" < /proc/1/environ | grep ^A=; readlink /proc/1/fd/1'
      for file in memory/memory.limit_in_bytes pids/pids.max; do
        cat /sys/fs/cgroup/\${file%/*}$CGROUP/$(docker inspect -f '{{.Id}}' one)/\${file#*/}
      done
      docker restart -t 0 one; eventually wget -q -O - http://127.0.0.1:8081/; docker rm -f one`),
  },
]
