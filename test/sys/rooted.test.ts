/** Files in the root of a container, opened to be written. */
import t from 'tap'
import { closeFd, openDirectory } from '../../lib/sys/beneath.js'
import { openToWrite } from '../../lib/sys/rooted.js'
import { openDescriptors } from '../network/world.js'

t.test('a file that can not be made as it is to be is closed', async t => {
  const root = openDirectory(t.testdir({ old: 'text' }))
  t.teardown(() => closeFd(root))
  const before = openDescriptors()
  // No numbers of a mode and of an owner: Node refuses them where the kernel may refuse others.
  await t.rejects(openToWrite({ root, path: '/old' }, null, -1))
  await t.rejects(openToWrite({ root, path: '/new' }, { uid: -5, gid: 0 }))
  t.equal(openDescriptors(), before)
})
