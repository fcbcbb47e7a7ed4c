/** What users do with Podman and Buildah. */

const network = {
  script: 'ls /usr/lib/podman/netavark /usr/lib/podman/aardvark-dns',
  what: 'netavark and aardvark-dns',
}

const webOfPod = `
podman pod create --name pair >/dev/null
podman run -d --pod pair --name web bb sh -c 'mkdir -p /www; echo sibling > /www/index.html; exec httpd -f -p 80 -h /www' >/dev/null`

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
      podman run -d --name one --network none bb sh -c 'echo started; trap "exit 3" TERM; sleep 600 & wait' >/dev/null
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
    title: 'containers for systemd, and rules for devices',
    script: `
      run='podman run --rm --network none'
      $run --systemd=always bb sh -c 'echo $container; grep -E "^[a-z]+ /(run|tmp|var)" /proc/self/mounts | cut -d" " -f1-4 | sort
        touch /run/a /tmp/a /run/lock/a /var/log/journal/a && echo written; ls /sys/fs/cgroup | sort' | sed 's/,inode64//'
      $run -d --name one --systemd=always --tmpfs /scratch bb sh -c 'trap "exit 5" RTMIN+3; echo ready; sleep 600 & wait' >/dev/null
      podman inspect -f '{{.Config.StopSignal}}' one; podman rm -f -t 0 one >/dev/null; echo $?
      for rule in 'a 7:1 rmw' 'c 1:3 r' 'b *:* m'; do $run --device-cgroup-rule "$rule" bb sh -c 'echo > /dev/null; echo $?'; done`,
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
  {
    title: 'a pod of two: they share a network; inspect, stats, pause, kill, stop, start',
    needs: network,
    script: `
      ${webOfPod}
      podman run -d --pod pair --name asks bb sleep 1000 >/dev/null
      eventually podman exec asks wget -q -O - http://127.0.0.1/; podman exec asks wget -q -O - http://127.0.0.1/
      podman pod inspect pair --format '{{.State}} {{.NumContainers}}'
      podman pod stats --no-stream --format '{{.Name}} {{.PIDS}}' pair | grep -E '^(web|asks) ' | sort
      state() { podman pod ps --format '{{.Status}}'; }
      podman pod pause pair >/dev/null; state; podman pod unpause pair >/dev/null; state
      podman pod kill pair >/dev/null; state; podman pod start pair >/dev/null; state
      podman pod stop -t 0 pair >/dev/null; state
      podman pod rm pair >/dev/null; podman ps -aq | wc -l`,
  },
  {
    title: 'generate systemd and kube, and play what was generated',
    needs: network,
    script: `
      ${webOfPod}
      podman generate systemd --name web | grep -E '^(Exec|Type)'
      podman generate kube pair > pair.yaml; grep -E '^ +(image|name):' pair.yaml
      podman pod rm -f -t 0 pair >/dev/null; podman ps -aq | wc -l
      podman play kube pair.yaml >/dev/null; echo $?
      podman ps --format '{{.Names}}' | grep -c web
      eventually podman exec pair-web wget -q -O - http://127.0.0.1/; podman exec pair-web wget -q -O - http://127.0.0.1/
      podman play kube --down pair.yaml >/dev/null; podman ps -aq | wc -l`,
  },
  {
    title: 'user namespaces: mapped by hand, chosen by Podman, and shared',
    script: `
      podman run -d --name one --network none --uidmap 0:300000:1000 --gidmap 0:300000:1000 bb sleep 1000 >/dev/null
      podman exec one sh -c 'tr -s " " < /proc/self/uid_map; id -u; touch /tmp/x; stat -c %u /tmp/x'
      stat -c %u /proc/$(podman inspect -f '{{.State.Pid}}' one)
      podman exec -u ada one id; podman exec one sh -c 'exit 9'; echo $?
      podman pause one >/dev/null; podman unpause one >/dev/null; podman kill one; podman wait one
      podman run --rm --network none --userns auto:size=1000 bb sh -c 'tr -s " " < /proc/self/uid_map'
      podman run -d --name two --network none --uidmap 0:300000:1000 --gidmap 0:300000:1000 bb sleep 1000 >/dev/null
      podman run --rm --network none --userns container:two bb sh -c 'tr -s " " < /proc/self/uid_map'
      podman run --rm --network none --userns host bb sh -c 'tr -s " " < /proc/self/uid_map'`,
  },
  {
    title: 'networks: a published port, one of the user with names, the host and another container',
    needs: network,
    script: `
      serve='mkdir /www; echo found > /www/index.html; exec httpd -f -p 80 -h /www'
      podman network create mine 2>/dev/null
      podman run -d --name web --network mine -p 8080:80 bb sh -c "$serve" >/dev/null
      eventually busybox wget -q -O - http://127.0.0.1:8080/; busybox wget -q -O - http://127.0.0.1:8080/
      podman inspect -f '{{.NetworkSettings.Networks.mine.IPAddress}}' web > address
      podman run --rm --network mine bb nslookup web.dns.podman | grep -c "$(cat address)"
      podman run --rm --network mine bb wget -q -O - http://$(cat address)/
      podman run --rm --network container:web bb wget -q -O - http://127.0.0.1/
      podman run --rm --network host bb readlink /proc/self/ns/net > inside; readlink /proc/self/ns/net | diff - inside; echo $?
      podman rm -f -t 0 web; eventually podman network rm mine; echo $?`,
  },
]

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const rootlessScenarios = [
  {
    title: 'run prints, reads and exits as the container does, with the ids of the user',
    script: `
      podman run --rm --network none bb sh -c 'echo hello; id -u; tr -s " " < /proc/self/uid_map' 2>/dev/null
      echo typed | podman run --rm -i --network none bb cat 2>/dev/null
      for code in 0 1 42; do podman run --rm --network none bb sh -c "exit $code" 2>/dev/null; echo $?; done
      podman run --rm --network none bb /nowhere 2>/dev/null; echo $?
      podman run --rm --network none --userns keep-id bb id 2>/dev/null
      podman run --rm --network none -u ada bb id 2>/dev/null
      podman run --rm --network host bb sh -c 'readlink /proc/self/ns/net' > inside 2>/dev/null; readlink /proc/self/ns/net | diff - inside; echo $?
      podman run --rm --network none bb grep -E 'Cap|NoNew|Seccomp:' /proc/self/status 2>/dev/null`,
  },
  {
    title: 'the life of a detached container: run, ps, logs, exec, stop, start, kill, wait, rm',
    script: `
      podman run -d --name one --network none bb sh -c 'echo started; trap "exit 3" TERM; sleep 600 & wait' >/dev/null 2>&1
      eventually sh -c 'podman logs one | grep started'; podman ps --format '{{.Names}}'
      podman exec one echo inside; podman exec one sh -c 'exit 9'; echo $?
      podman exec -u 1000 -w /tmp -e A=b one sh -c 'id -u; pwd; echo $A'
      echo typed | podman exec -i one cat
      stat -c %u /proc/$(podman inspect -f '{{.State.Pid}}' one)
      podman stop one; podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
      podman start one; podman kill one; podman wait one; podman rm one; podman ps -aq | wc -l`,
  },
  {
    title: 'volumes, mounts, read-only, tmpfs, devices and terminals',
    script: `
      run='podman run --rm --network none'
      podman volume create data >/dev/null
      $run -v data:/data bb sh -c 'echo kept > /data/file' 2>/dev/null; $run -v data:/data bb cat /data/file 2>/dev/null
      podman volume rm data
      $run -v $PWD:/here bb sh -c 'echo shared > /here/made' 2>/dev/null; cat made; stat -c %u made
      $run --read-only bb touch /no 2>/dev/null; echo $?
      $run --read-only --tmpfs /scratch bb touch /scratch/yes 2>/dev/null; echo $?
      $run bb ls /dev 2>/dev/null | grep -v core | tr '\\n' ' '; echo
      $run --device /dev/zero:/dev/mine bb sh -c 'head -c 4 /dev/mine | wc -c' 2>/dev/null
      terminal '# ' 'exit 5\\n' -- $run -it bb sh`,
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
