/** Networks. */

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const networkScenarios = [
  {
    title: 'a published port is answered over HTTP',
    script: `
      docker run -d --name web -p 8080:80 bb sh -c 'mkdir /www; echo "it works" > /www/index.html; httpd -f -p 80 -h /www' >/dev/null
      eventually busybox wget -q -O - http://127.0.0.1:8080/
      busybox wget -q -O - http://127.0.0.1:8080/; busybox wget -q -O - http://172.30.0.1:8080/
      docker port web | head -1`,
    prints: 'it works\nit works\n80/tcp -> 0.0.0.0:8080\n',
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
]
