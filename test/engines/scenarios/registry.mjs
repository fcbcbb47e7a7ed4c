/** Images that go to a registry and come back, with Debian's own on the loopback device. */

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const registryScenarios = [
  {
    title: 'tag, push, remove, pull and run',
    script: `
      name=127.0.0.1:5000/kept
      eventually busybox wget -q -O - http://127.0.0.1:5000/v2/
      printf 'FROM bb\\nRUN echo "from afar" > /note\\nCMD ["cat", "/note"]\\n' |
        DOCKER_BUILDKIT=0 docker build -q -t $name:1 - >/dev/null
      docker push -q $name:1; docker tag $name:1 $name:2; docker push -q $name:2
      docker rmi $name:1 $name:2 >/dev/null; docker images -q $name | wc -l
      busybox wget -q -O - http://127.0.0.1:5000/v2/kept/tags/list | grep -o '"[12]"' | sort
      docker pull -q $name:1; docker run --rm $name:1
      docker rmi $name:1 >/dev/null; docker run --rm $name:2 2>/dev/null; echo $?
      docker run --rm 127.0.0.1:5000/absent 2>/dev/null; echo $?
      docker rmi $name:2 >/dev/null`,
    prints:
      '127.0.0.1:5000/kept:1\n127.0.0.1:5000/kept:2\n0\n"1"\n"2"\n127.0.0.1:5000/kept:1\nfrom afar\nfrom afar\n0\n125\n',
  },
]
