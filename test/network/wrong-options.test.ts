/** What the calls of tsrun/network are given wrongly is told by its name, before anything is made. */
import t from 'tap'
import { createGateway, openCni, removeCni } from '../../lib/network/index.js'
import { missing } from '../needs.js'
import { makeWorld } from './world.js'

const wrong = (option: string) => ({ code: 'ERR_CONFIG_INVALID', message: new RegExp(`^${option}: must be `) }) as const

/** By the option that is told. */
const GATEWAYS: readonly (readonly [option: string, options: unknown])[] = [
  ['options', null],
  ['options', 5],
  ['options', 'text'],
  ['alow', { alow: [] }],
  ['allow', { allow: 'a:1' }],
  ['allow\\[0\\]', { allow: [null] }],
  ['deny\\[0\\]', { deny: [{}] }],
  ['onConnect', { onConnect: 'allow' }],
  ['onDenied', { onDenied: null }],
  ['ports', { ports: 80 }],
  ['ports', { ports: ['80'] }],
  ['hosts', { hosts: null }],
  ['hosts', { hosts: ['a.test'] }],
  ['hosts\\["a.test"\\]', { hosts: { 'a.test': 5 } }],
  ['hosts\\["a.test"\\]', { hosts: { 'a.test': [null] } }],
  ['hosts\\["a.test"\\]', { hosts: { 'a.test': 'b.test' } }],
  ['lookup', { lookup: {} }],
  ['lookupTimeout', { lookupTimeout: 0 }],
  ['connectTimeout', { connectTimeout: '1s' }],
  ['maxConnections', { maxConnections: 1.5 }],
]

t.test('of a gateway', async t => {
  for (const [option, options] of GATEWAYS)
    t.throws(() => createGateway(options as object), wrong(option), JSON.stringify(options))
  const gateway = createGateway()
  for (const lists of [null, 5, undefined])
    await t.rejects(gateway.setPolicy(lists as unknown as object), wrong('options'), `setPolicy(${lists})`)
  await t.rejects(gateway.setPolicy({ alow: [] } as object), wrong('alow'))
  await t.rejects(gateway.allow(5 as unknown as string), wrong('allow\\[0\\]'))
  await t.rejects(gateway.deny(null as unknown as string), wrong('deny\\[0\\]'))
  for (const container of [null, undefined, 5, 'name', {}, { id: 'a', network: null }])
    await t.rejects(gateway.attach(container as never), wrong('container'), JSON.stringify(container))
})

const ATTACHED: readonly (readonly [option: string, options: unknown])[] = [
  ['options', null],
  ['options', 'db'],
  ['publsh', { publsh: [] }],
  ['name', { name: 'a.b' }],
  ['name', { name: 5 }],
  ['allow', { allow: 5 }],
  ['publish', { publish: 5 }],
  ['publish', { publish: { port: 80 } }],
  ['publish\\[0\\]', { publish: [5] }],
  ['publish\\[1\\]', { publish: [{ port: 80 }, null] }],
  ['publish\\[0\\].port', { publish: [{}] }],
  ['publish\\[0\\].port', { publish: [{ port: '80' }] }],
  ['publish\\[0\\].hostPort', { publish: [{ port: 80, hostPort: -1 }] }],
  ['publish\\[0\\].hostAddress', { publish: [{ port: 80, hostAddress: 5 }] }],
  ['publish\\[0\\].hostport', { publish: [{ port: 80, hostport: 5 }] }],
]

t.test('of an attachment', { skip: missing('root', 'busybox') }, async t => {
  const { inside, gateway } = makeWorld(t, {})
  const { container, attachment } = await inside('true')
  for (const [option, options] of ATTACHED)
    await t.rejects(gateway.attach(container, options as object), wrong(option), JSON.stringify(options))
  t.equal(gateway.attachments.length, 1, 'nothing is left of those')
  await t.rejects(attachment.publish(5 as never), wrong('publish'))
  await t.rejects(attachment.publish({ port: 0 }), wrong('publish.port'))
  await t.rejects(attachment.publish({ port: 1, hostAddress: 'no.such.name.invalid' }), wrong('publish.hostAddress'))
})

t.test('of plugins', { skip: missing('root') }, async t => {
  for (const options of [null, 5, 'bridge'])
    t.throws(() => openCni(options as never), wrong('cni'), JSON.stringify(options))
  t.throws(() => openCni({ nam: 'x' } as never), wrong('cni.nam'))
  t.throws(() => openCni({ name: 5 } as never), wrong('cni'))
  t.throws(() => openCni({ name: 'x', pluginDirectories: '/x' } as never), wrong('pluginDirectories'))
  for (const record of [null, 5, '']) await t.rejects(removeCni(record as never), wrong('record'), String(record))
})
