/** A daemon with `--userns-remap`: root of the containers is user 100000 of the host. */

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const usernsScenarios = [
  {
    title: 'run and exec: ids are mapped, also of what is made in volumes, and the host stays out of reach',
    script: `
      docker run --rm bb sh -c 'tr -s " " < /proc/self/uid_map; tr -s " " < /proc/self/gid_map; id -u'
      docker run -d --name one -v data:/data -v $PWD:/here bb sh -c 'touch /data/made; sleep 1000' >/dev/null
      docker exec one sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x'
      docker exec one touch /here/no 2>&1; echo $?
      stat -c %u /proc/$(docker inspect -f '{{.State.Pid}}' one)
      eventually docker exec one test -e /data/made
      stat -c %u $(docker volume inspect -f '{{.Mountpoint}}' data)/made
      docker exec -u ada one id -u; docker exec -t one tty | tr -d '\\r'
      docker exec one sh -c 'exit 9'; echo $?
      docker exec one grep -E 'CapEff|Seccomp:' /proc/self/status
      docker rm -f one; docker volume rm data`,
  },
  {
    title: 'the life of a container: pause, update, stop, start, cp, commit, rm',
    script: `
      docker run -d --name one bb sleep 1000 >/dev/null
      docker pause one; docker unpause one; docker update --memory 64m --memory-swap 64m one
      echo out > file; docker cp file one:/tmp/in; docker exec one cat /tmp/in
      docker stop -t 1 one; docker start one; docker exec one cat /tmp/in
      docker commit one kept >/dev/null; docker run --rm kept stat -c '%u %n' /tmp/in
      docker rm -f one; docker rmi kept >/dev/null`,
  },
  {
    title: 'options: read-only, tmpfs, devices, users, sysctls, published ports',
    script: `
      docker run --rm --read-only --tmpfs /scratch bb sh -c 'touch /scratch/yes; stat -c %u /scratch/yes; touch /no' 2>/dev/null; echo $?
      docker run --rm --device /dev/zero bb sh -c 'head -c 3 /dev/zero | wc -c; stat -c %u /dev/null'
      docker run --rm -u 1000:1000 --sysctl net.core.somaxconn=99 -w /tmp bb sh -c 'id -u; id -g; pwd; cat /proc/sys/net/core/somaxconn'
      docker run --rm bb mount -t tmpfs none /tmp 2>&1; echo $?
      docker run -d --name web -p 8080:80 bb sh -c 'mkdir /www; echo mapped > /www/index.html; httpd -f -p 80 -h /www' >/dev/null
      eventually busybox wget -q -O - http://127.0.0.1:8080/; busybox wget -q -O - http://127.0.0.1:8080/`,
  },
  {
    title: 'what Docker refuses with mapped ids, and what it takes them away for',
    script: `
      docker run --rm --privileged bb true 2>/dev/null; echo $?
      docker run --rm --network host bb true 2>/dev/null; echo $?
      docker run --rm --userns host bb sh -c 'tr -s " " < /proc/self/uid_map'`,
    prints: '125\n125\n 0 0 4294967295\n',
  },
]
