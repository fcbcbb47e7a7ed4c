/** What users do with Podman and Buildah. */

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const podmanScenarios = [
  {
    title: 'run prints, reads and exits as the container does',
    script: `
      podman run --rm --network none bb echo hello
      echo typed | podman run --rm -i --network none bb cat
      for code in 0 1 42; do podman run --rm --network none bb sh -c "exit $code"; echo $?; done
      podman run --rm --network none bb /nowhere 2>/dev/null; echo $?
      podman run --rm --network none bb /etc/passwd 2>/dev/null; echo $?
      podman run --rm --network none bb nowhere 2>/dev/null; echo $?`,
    prints: 'hello\ntyped\n0\n1\n42\n127\n126\n127\n',
  },
  {
    title: 'the life of a detached container: run, ps, logs, exec, top, stop, start, kill, wait, rm',
    script: `
      podman run -d --name one --network none bb sh -c 'echo started; trap "exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
      eventually sh -c 'podman logs one | grep started'
      podman ps --format '{{.Names}}'
      podman exec one echo inside; podman exec one sh -c 'exit 9'; echo $?
      podman exec one /nowhere >/dev/null 2>&1; echo $?
      podman exec -u 1000 -w /tmp -e A=b one sh -c 'id -u; pwd; echo $A'
      echo typed | podman exec -i one cat
      podman top one pid | head -2 | tail -1
      podman stop one; podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
      podman start one; podman kill one; podman wait one; podman rm one; podman ps -aq | wc -l`,
  },
  {
    title: 'pause, unpause, limits, update and stats',
    script: `
      podman run -d --name one --network none --memory 64m --pids-limit 50 --cpus 0.5 bb sleep 1000 >/dev/null
      cat /sys/fs/cgroup/memory/libpod_parent/libpod-$(podman inspect -f '{{.Id}}' one)/memory.limit_in_bytes
      podman pause one; podman inspect -f '{{.State.Status}}' one
      podman unpause one; podman inspect -f '{{.State.Status}}' one
      podman stats --no-stream --format '{{.Name}} {{.PIDS}}' one`,
  },
  {
    title: 'security: users, capabilities, read-only, tmpfs, seccomp, privileged',
    script: `
      run='podman run --rm --network none'
      $run -u ada bb id
      $run bb grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
      $run --cap-drop all bb grep CapEff /proc/self/status
      $run --read-only bb touch /no 2>&1; echo $?
      $run --read-only --tmpfs /scratch bb touch /scratch/yes; echo $?
      $run --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
      $run --security-opt no-new-privileges bb grep NoNew /proc/self/status
      $run --privileged bb grep -E 'CapEff|Seccomp:' /proc/self/status
      $run --ulimit nofile=100:200 bb sh -c 'ulimit -n; ulimit -Hn'
      $run --uidmap 0:100000:1000 --gidmap 0:100000:1000 bb cat /proc/self/uid_map`,
  },
  {
    title: 'volumes, cp, commit and healthchecks',
    script: `
      podman volume create data >/dev/null
      podman run --rm --network none -v data:/data bb sh -c 'echo kept > /data/file'
      podman run --rm --network none -v data:/data bb cat /data/file; podman volume rm data
      podman run -d --name one --network none --health-cmd 'test ! -e /tmp/sick' --health-interval disable bb sleep 1000 >/dev/null
      echo out > file; podman cp file one:/tmp/in; podman exec one cat /tmp/in
      podman commit -q one kept >/dev/null; podman run --rm --network none kept cat /tmp/in
      podman healthcheck run one; echo $?
      podman exec one touch /tmp/sick; podman healthcheck run one; echo $?`,
  },
]

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const buildahScenarios = [
  {
    title: 'from, run, copy, commit',
    script: `
      id=$(buildah from scratch)
      buildah add -q $id $WORK/root.tar / >/dev/null
      buildah run --network none $id -- sh -c 'echo made > /made; id -u'
      buildah run --network none $id -- cat /made
      buildah run --network none $id -- sh -c 'exit 5' 2>/dev/null; echo $?
      buildah run --network none --user 1000 $id -- id -u
      buildah run --network none --cap-drop all $id -- grep CapEff /proc/self/status
      buildah commit -q $id built >/dev/null; echo $?`,
  },
  {
    title: 'bud builds a Dockerfile',
    script: `
      cp $WORK/root.tar .
      printf 'FROM scratch\nADD root.tar /\nRUN echo built > /made && cat /made\nUSER ada\nRUN id -un\n' > Dockerfile
      buildah bud -q --network none -t made . 2>&1 | grep -E '^(built|ada)$'
      id=$(buildah from made); buildah run --network none $id -- cat /made`,
  },
]
