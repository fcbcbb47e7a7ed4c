/** UDP in a container at a gateway: it is refused at once, and told. */
import { join } from 'node:path'
import t from 'tap'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { type Inside, makeWorld, type World } from './world.js'

const skip = { skip: missing('root', 'busybox', 'cc') }

/** `udp TIMES ADDRESS PORT ...`: sends a datagram to each, so often, and says what came of it, and whether that took long. */
const PROGRAM = `
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_one(const char *address, int port) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  int is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr);
  inet_pton(AF_INET, address, &v4.sin_addr);
  int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  char byte = 0;
  if (connect(fd, is_v6 ? (void *)&v6 : (void *)&v4, is_v6 ? sizeof v6 : sizeof v4) < 0 || send(fd, &byte, 1, 0) < 0)
    return errno;
  int error = poll(&waiting, 1, 5000) == 0 ? ETIMEDOUT : recv(fd, &byte, 1, 0) < 0 ? errno : 0;
  close(fd);
  return error;
}

int main(int count, char **words) {
  for (int i = 2; i + 1 < count; i += 2) {
    int error = 0;
    for (int times = atoi(words[1]); times > 0; times--)
      error = send_one(words[i], atoi(words[i + 1]));
    printf("%s\\n", strerror(error));
  }
}
`

async function send(
  world: World,
  places: readonly string[],
  { before = '', times = 1 } = {},
): Promise<[Inside, string]> {
  const directory = join(world.test.rootfs, 'data')
  compileProgram(PROGRAM, join(directory, 'udp'))
  const box = await world.inside(`${before}/data/udp ${times} ${places.join(' ')}`)
  return [box, await box.output()]
}

const told = ({ gateway }: World) => gateway.denials.map(({ host, port, reason }) => `${host} ${port} ${reason}`)

t.test('a datagram is refused at once and told, with the name that it was for', skip, async t => {
  const world = makeWorld(t, { allow: ['quic.test:443', '192.0.2.0/24:443'], hosts: { 'quic.test': '127.0.0.1' } })
  const refused = ['198.18.0.2 443', 'fd74:7372:756e::2 443', '8.8.8.8 53', '2001:db8::1 123', '192.0.2.7 443']
  const own = ['127.0.0.1 7', '::1 8', '198.18.0.1 853']
  const before = 'busybox nslookup quic.test >/dev/null; '
  const [{ container }, said] = await send(world, [...refused, ...own], { before })
  t.equal(said, 'Connection refused\n'.repeat(refused.length + own.length))
  t.same(told(world), ['quic.test 443 udp', '8.8.8.8 53 udp', '2001:db8::1 123 udp', '192.0.2.7 443 udp'])
  t.match(world.gateway.denials, [{ container: container.id, count: 2 }, { count: 1 }, { count: 1 }, { count: 1 }])
})

t.test('a flood of them is one, and nobody is held up', skip, async t => {
  const world = makeWorld(t, {})
  const [, said] = await send(world, ['192.0.2.1 9'], { times: 20_000 })
  t.equal(said, 'Connection refused\n')
  t.same(told(world), ['192.0.2.1 9 udp'])
  // What the kernel has no room for is lost.
  t.ok((world.gateway.denials[0]?.count ?? 0) <= 20_000)
})

t.test('busybox, which knows nothing of all this, fails fast at another resolver', skip, async t => {
  const world = makeWorld(t, {})
  const began = performance.now()
  const box = await world.inside('busybox nslookup example.test 192.0.2.53 2>&1')
  t.match(await box.output(), /refused|no servers/i)
  t.ok(performance.now() - began < 4000)
  t.same(told(world), ['192.0.2.53 53 udp'])
})
