/** Sandboxes in a network that plugins make. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { bridgeOf, type CniWorld, makeCniWorld } from './cni-world.js'

const skip = { skip: missing('root', 'cni', 'veth', 'busybox', 'libseccomp') }

const ECHO = `['/bin/busybox', 'nc', '-l', '-p', '7000', '-e', '/bin/busybox', 'echo', 'rows']`

t.test('a bridge, an address and a port of the host, and nothing is left of them', skip, async t => {
  const world = await makeCniWorld(t)
  const told = await world.run(`
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
await (await Sandbox.create()).stop()
const before = descriptors()
const box = await Sandbox.create({ network: { ...network, publish: [{ port: 7000, hostPort: 7777 }] } })
const [address] = box.addresses
const answers = []
for (const place of [{ host: address.split('/')[0], port: 7000 }, { host: '127.0.0.1', port: 7777 }]) {
  const server = await box.commands.start(${ECHO}, { ready: { port: 7000 } })
  answers.push(await text(createConnection(place)))
  await server.kill()
}
const resolver = (await box.commands.run('cat /etc/resolv.conf')).stdout
const changes = await box.diff()
await box.reset()
const again = box.addresses
await box.stop()
tell({ address, answers, resolver, changes: changes.length, again, boxes: boxes().length, descriptors: descriptors() - before })`)
  t.match(JSON.parse(told), {
    address: /^10\.89\.77\.[0-9]+\/24$/,
    answers: ['rows\n', 'rows\n'],
    resolver: 'search inside.test\nnameserver 192.0.2.53\n',
    changes: 0,
    again: [/^10\./],
    boxes: 0,
    descriptors: 0,
  })
  t.same(world.leases(), [])
  t.notMatch(world.host('iptables', '-t', 'nat', '-S'), /7777/)
  t.notMatch(world.host('ip', '-o', 'link'), /veth/)
})

/** What the reference plugins can do one after the other, by the older version of the interface. */
const CHAIN = [
  { type: 'portmap', capabilities: { portMappings: true } },
  { type: 'firewall' },
  { type: 'bandwidth', ingressRate: 8e6, ingressBurst: 8e6, egressRate: 8e6, egressBurst: 8e6 },
  { type: 'tuning', mtu: 1400, sysctl: { 'net.ipv4.conf.IFNAME.accept_redirects': '0' } },
]

t.test('the reference plugins in a row', skip, async t => {
  const world = await makeCniWorld(t)
  const document = { cniVersion: '0.4.0', name: 'row', plugins: [bridgeOf(world.folder), ...CHAIN] }
  writeFileSync(`${world.folder}/config/20-row.conflist`, JSON.stringify(document))
  const told = await world.run(`
import { execFileSync } from 'node:child_process'
const host = command => execFileSync('sh', ['-c', command], { encoding: 'utf8' })
const look = () => host('iptables -S CNI-FORWARD; iptables -t nat -S; tc qdisc; ip -o link')
const box = await Sandbox.create({ network: { ...network, cni: 'row', publish: [{ port: 7000, hostPort: 7777 }] } })
const [address] = box.addresses
const shown = await box.commands.run('ip -o link show eth0; cat /proc/sys/net/ipv4/conf/eth0/accept_redirects')
const during = look()
await box.stop()
tell({ address, inside: shown.stdout, during, after: look() })`)
  const { address, inside, during, after } = JSON.parse(told) as Record<string, string>
  const ip = String(address).replace('/24', '')
  t.match(inside, /mtu 1400.*\n0\n$/)
  for (const mark of [`-s ${ip}/32 -j ACCEPT`, `--to-destination ${ip}:7000`, 'rate 8Mbit', 'veth']) {
    t.ok(during?.includes(mark), mark)
    t.notOk(after?.includes(mark), `${mark} is gone`)
  }
  t.same(world.leases(), [])
})

const FAILING = `case $CNI_COMMAND in ADD) echo '{"cniVersion":"1.0.0","code":11,"msg":"no luck","details":"try later"}'; exit 1;; esac`

t.test('a plugin that fails is told, and what was before it is removed', skip, async t => {
  const world = await makeCniWorld(t)
  world.plugin('failing', FAILING)
  world.plugin('silent', 'test $CNI_COMMAND = DEL || { echo no such thing >&2; exit 3; }')
  world.plugin('talking', 'echo hello')
  world.plugin('stubborn', 'echo it stays >&2; exit 4')
  for (const type of ['failing', 'silent', 'talking', 'stubborn'])
    world.configure(type, [bridgeOf(world.folder), { type }])
  const told = await world.run(`
const said = []
for (const cni of ['failing', 'silent', 'talking']) {
  const before = descriptors()
  const error = await Sandbox.create({ network: { ...network, cni } }).catch(error => error)
  said.push({ ...error.toJSON(), boxes: boxes().length, descriptors: cni === 'failing' ? 0 : descriptors() - before })
}
const stubborn = await Sandbox.create({ network: { ...network, cni: 'stubborn' } }).catch(error => error)
const prune = await Sandbox.prune().catch(error => error)
tell({ said, stubborn, prune, left: boxes().length })`)
  const common = { code: 'ERR_NETWORK_CNI', command: 'ADD', boxes: 0, descriptors: 0 }
  t.match(JSON.parse(told), {
    said: [
      { ...common, plugin: 'failing', number: 11, details: 'try later', message: /network failing.*no luck/ },
      { ...common, plugin: 'silent', number: null, message: /no such thing/ },
      { ...common, plugin: 'talking', number: null, message: /no result/ },
    ],
    stubborn: { plugin: 'stubborn', command: 'ADD', cause: /DEL of stubborn: it stays/ },
    prune: { command: 'DEL', plugin: 'stubborn' },
    left: 1,
  })
  t.same(world.leases(), [], 'what comes before one that can not be removed is removed')
  world.plugin('stubborn', 'exit 0')
  t.equal(await world.run('await Sandbox.prune(); tell(boxes())'), '[]\n')
})

t.test('what is wrong is told before anything is made', skip, async t => {
  const world = await makeCniWorld(t)
  world.configure('lacking', [{ type: 'no-such-plugin' }])
  world.configure('outside', [{ type: '../bridge' }])
  world.configure('unmapped', [bridgeOf(world.folder)])
  writeFileSync(`${world.folder}/config/00-broken.conflist`, '{')
  const told = await world.run(`
const said = []
for (const change of [
  { cni: 'lacking' },
  { cni: 'outside' },
  { cni: 'nobody' },
  { cni: 'unmapped', publish: [{ port: 1, hostPort: 1 }] },
  { publish: [{ port: 1 }] },
  { allow: [] },
  { pluginDirectories: ['relative'] },
]) said.push(await Sandbox.create({ network: { ...network, ...change } }).catch(error => error.code + ' ' + error.message))
tell({ said, boxes: boxes().length })`)
  t.match(JSON.parse(told), {
    said: [
      /ERR_HOST_INSTALL.*no-such-plugin/,
      /ERR_CONFIG_INVALID.*outside/,
      /ERR_CONFIG_INVALID.*lacking.*00-broken.conflist \(no JSON\)/,
      /ERR_CONFIG_INVALID.*portMappings/,
      /publish\[0\].hostPort/,
      /network.allow/,
      /pluginDirectories/,
    ],
    boxes: 0,
  })
})

t.test('what killed processes have left is pruned', skip, async t => {
  const world = await makeCniWorld(t)
  const create = (cni: string) =>
    `const box = await Sandbox.create({ network: { ...network, cni: '${cni}', publish: [{ port: 1, hostPort: 7777 }] } })`
  await world.killed(`${create('web')}; tell('made'); setInterval(() => {}, 1000)`)
  t.equal(world.leases().length, 1)
  t.match(world.host('iptables', '-t', 'nat', '-S'), /7777/)
  t.equal(await world.run('await Sandbox.prune(); tell(boxes())'), '[]\n')
  t.same(world.leases(), [])
  t.notMatch(world.host('iptables', '-t', 'nat', '-S'), /7777/)

  const mark = `${world.folder}/reached`
  world.plugin(
    'waiting',
    `test $CNI_COMMAND = DEL || { echo $$ > ${mark}.new; mv ${mark}.new ${mark}; exec sleep 1000; }`,
  )
  world.configure('held', [bridgeOf(world.folder), { type: 'waiting', capabilities: { portMappings: true } }])
  const look = `setInterval(() => { if (existsSync('${mark}')) tell('reached') }, 10)`
  await world.killed(`${look}; ${create('held')}`, 'reached')
  t.equal(world.leases().length, 1)
  const pid = readFileSync(mark, 'utf8').trim()
  await until(() => !existsSync(`/proc/${pid}`), 'the end of the plugin')
  t.equal(await world.run('await Sandbox.prune(); tell(boxes())'), '[]\n')
  t.same(world.leases(), [])
})

/** A plugin that waits at ADD; who waits for it is given up then. What came of that is told. */
async function giveUp(world: CniWorld, atRemoval: string): Promise<string> {
  const mark = `${world.folder}/reached`
  const holding = `echo $$ > ${mark}.new; mv ${mark}.new ${mark}; exec sleep 1000`
  world.plugin('waiting', `test $CNI_COMMAND = ADD || { ${atRemoval}; }\n${holding}`)
  world.configure('held', [bridgeOf(world.folder), { type: 'waiting' }])
  return world.run(`
const stop = new AbortController()
const timer = setInterval(() => existsSync('${mark}') && stop.abort(new Error('enough')), 10)
const error = await Sandbox.create({ network: { ...network, cni: 'held' }, signal: stop.signal }).catch(error => error)
clearInterval(timer)
tell({ message: error.message, ...error.toJSON?.(), boxes: boxes().length })`)
}

t.test('an attachment that is given up is removed', skip, async t => {
  const world = await makeCniWorld(t)
  t.match(JSON.parse(await giveUp(world, 'exit 0')), { message: 'enough', boxes: 0 })
  t.same(world.leases(), [])
})

t.test('one that is given up and can not be removed is told with what is left', skip, async t => {
  const world = await makeCniWorld(t)
  const told = await giveUp(world, 'echo it stays >&2; exit 4')
  t.match(JSON.parse(told), { plugin: 'waiting', command: 'DEL', message: /it stays/, cause: 'enough', boxes: 1 })
  world.plugin('waiting', 'exit 0')
  t.equal(await world.run('await Sandbox.prune(); tell(boxes())'), '[]\n')
})
