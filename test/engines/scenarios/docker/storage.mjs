/** Images, layers and volumes. */

/** @type {readonly import('../../compare.mjs').Scenario[]} */
export const storageScenarios = [
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
    title: 'prune removes what nobody uses, and nothing else',
    script: `
      lines() { grep -c -E '^([0-9a-f]{64}|deleted: .*|unused)$'; }
      build() { printf 'FROM bb\\nRUN echo %s > /made\\n' $1 | DOCKER_BUILDKIT=0 docker build -q -t tagged - >/dev/null; }
      docker run --name ended bb true; docker run -d --name alive bb sleep 1000 >/dev/null
      docker volume create unused >/dev/null; docker network create unused >/dev/null
      build one; build two; docker images -q -f dangling=true | wc -l
      docker container prune -f | lines; docker ps -a --format '{{.Names}}'
      docker image prune -f | lines; docker images -q -f dangling=true | wc -l
      docker network prune -f | lines; docker volume prune -f | lines
      docker run --name ended bb true; docker network create unused >/dev/null; docker volume create unused >/dev/null
      docker system prune -f --volumes | lines; docker ps -a --format '{{.Names}}'
      docker volume ls -q | wc -l; docker network ls --format '{{.Name}}' | sort
      docker run --rm tagged cat /made; docker rmi tagged >/dev/null`,
  },
]
