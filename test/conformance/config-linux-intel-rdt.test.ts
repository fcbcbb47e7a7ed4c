/** Most of it is in test/resctrl/class.test.ts, on a made-up tree: few machines have the real one. */
import t from 'tap'
import { findResctrl } from '../../lib/resctrl/filesystem.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

t.test('config-linux.md#intelrdt: without a mounted resctrl file system it is an error', skip, async t => {
  if (findResctrl() !== null) return t.pass('this machine has one')
  const error = await createError(makeBundle(t), config => {
    config.linux.intelRdt = { closID: 'class', schemata: ['L3:0=f'] }
  })
  t.match(error, {
    name: 'HostError',
    code: 'ERR_HOST_KERNEL',
    needs: 'a mounted resctrl file system (/linux/intelRdt)',
    found: 'none',
    message: /^needs a mounted resctrl file system .*, found none: on a processor with Intel RDT or AMD QoS, mount/,
  })
})

t.test('config-linux.md#intelrdt: names and lines that can not be are errors', skip, async t => {
  for (const closID of ['..', 'a/b', 'info', 'mon_groups', '']) {
    const error = await createError(makeBundle(t), config => {
      config.linux.intelRdt = { closID, memBwSchema: 'L3:0=f', schemata: ['a\nb'] }
    })
    const fields = ['closID', 'schemata/0', 'memBwSchema']
    t.match(error, invalid(...fields.map(field => `/linux/intelRdt/${field}`)))
  }
})
