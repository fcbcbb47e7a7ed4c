import t from 'tap'
import { effectiveRules } from '../../lib/cgroup/device-rules.js'
import { changeTo, type DeviceWrite, resetTo, stateOf } from '../../lib/cgroup/v1/devices.js'
import { rules } from './resources.js'

const lines = (writes: readonly DeviceWrite[]) => writes.map(({ file, value }) => `${file.slice(8)} ${value}`)
const reset = (...texts: readonly string[]) => lines(resetTo(stateOf(rules(...texts))))
const change = (list: string, ...texts: readonly string[]) => lines(changeTo(stateOf(rules(...texts)), list))

t.test('What no rule speaks of is denied.', async t => {
  t.same(reset(), ['deny a'])
  t.same(reset('allow c 1:3'), ['deny a', 'allow c 1:3 rwm'])
})

t.test('A rule for everything starts anew.', async t => {
  t.same(reset('allow c 1:3', 'deny a', 'allow b 8:* r'), ['deny a', 'allow b 8:* r'])
  t.same(reset('deny a', 'allow c 1:3', 'allow a', 'deny b 8:0 w'), ['allow a', 'deny b 8:0 w'])
})

t.test('Rules for one device are put together, and taken away by a later one.', async t => {
  t.same(reset('allow c 1:3 r', 'allow c 1:3 wm'), ['deny a', 'allow c 1:3 rwm'])
  t.same(reset('allow c 1:3', 'deny c 1:3 w'), ['deny a', 'allow c 1:3 rm'])
  t.same(reset('allow c 1:3', 'deny c 1:*'), ['deny a'])
  t.same(reset('allow a', 'deny c 1:3', 'allow c *:*'), ['allow a'])
})

t.test(
  'A rule for all kinds that is not for everything is spelled out: the kernel would take it as everything.',
  async t => {
    t.same(reset('allow a 8:0 r'), ['deny a', 'allow b 8:0 r', 'allow c 8:0 r'])
    t.same(reset('allow a *:* m'), ['deny a', 'allow b *:* m', 'allow c *:* m'])
  },
)

t.test('An exception of an exception can not be expressed, and is refused by its field.', async t => {
  for (const [wide, narrow] of [
    ['allow c 1:*', 'deny c 1:3'],
    ['allow c *:*', 'deny c 1:*'],
    ['allow c 1:*', 'deny c *:3'],
  ] as const) {
    t.throws(
      () => stateOf(rules(wide, narrow)),
      { code: 'ERR_CONFIG_UNSUPPORTED', issues: [{ path: '/linux/resources/devices/1' }] },
      narrow,
    )
  }
  t.same(reset('allow c 1:* r', 'deny c 1:3 w'), ['deny a', 'allow c 1:* r'], 'another access is nothing to except')
})

t.test('A change writes the differences only, what is allowed first.', async t => {
  const list = 'c 1:3 rwm\nc 1:5 rwm\nc 136:* rw\n'
  t.same(change(list, 'allow c 1:3', 'allow c 1:5', 'allow c 136:* rw'), [])
  t.same(change(list, 'allow c 1:3', 'allow c 1:5 r', 'allow b 8:0'), [
    'allow b 8:0 rwm',
    'deny c 1:5 wm',
    'deny c 136:* rw',
  ])
})

t.test('A cgroup that allows everything does not tell its exceptions, and is reset.', async t => {
  t.same(change('a *:* rwm\n', 'allow c 1:3'), ['deny a', 'allow c 1:3 rwm'])
  t.same(change('c 1:3 rwm\n', 'allow a', 'deny c 1:5'), ['allow a', 'deny c 1:5 rwm'])
})

t.test('The list that every container gets is eleven exceptions.', async t => {
  t.equal(resetTo(stateOf(effectiveRules(rules('deny a')))).length, 12)
})
