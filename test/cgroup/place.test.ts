import t from 'tap'
import { placesOf } from '../../lib/cgroup/place.js'
import type { CgroupFacts } from '../../lib/host/facts.js'

const hybrid: CgroupFacts = {
  mode: 'hybrid',
  hierarchies: [
    { version: 1, controllers: ['memory'], mountpoint: '/sys/fs/cgroup/memory', root: '/', own: '/us' },
    { version: 2, controllers: [], mountpoint: '/sys/fs/cgroup/unified', root: '/', own: '/' },
  ],
}

function v2(own: string, root = '/'): CgroupFacts {
  return { mode: 'v2', hierarchies: [{ version: 2, controllers: [], mountpoint: '/sys/fs/cgroup', root, own }] }
}

const paths = (facts: CgroupFacts, cgroupsPath: string | null) =>
  placesOf(facts, { cgroupsPath, id: 'one' }).map(({ path }) => path)

t.test('An absolute path is the same below every mount point.', async t => {
  t.same(paths(hybrid, '/kubepods/pod1/c1'), ['kubepods/pod1/c1', 'kubepods/pod1/c1'])
  t.same(paths(v2('/docker/abc', '/docker/abc'), '/c1'), ['c1'])
})

t.test('Without a path, or with an empty one, the cgroup has the name of the container.', async t => {
  t.same(paths(hybrid, null), ['one', 'one'])
  t.same(paths(hybrid, ''), ['one', 'one'])
})

t.test('A relative path starts in our own cgroup of each hierarchy.', async t => {
  t.same(paths(hybrid, 'c1'), ['us/c1', 'c1'])
})

t.test(
  'On pure cgroup v2 it starts beside our own cgroup, which has processes and so can not be a parent.',
  async t => {
    t.same(paths(v2('/user.slice/session.scope'), 'c1'), ['user.slice/c1'])
    t.same(paths(v2('/'), 'a/c1'), ['a/c1'])
  },
)

t.test('If only a part of the hierarchy is mounted, our own cgroup is counted from there.', async t => {
  t.same(paths(v2('/docker/abc/us', '/docker/abc'), 'c1'), ['c1'])
  t.same(paths(v2('/docker/abc', '/docker/abc'), 'c1'), ['c1'])
})

t.test('A relative path is refused if our own cgroup can not be seen.', async t => {
  for (const facts of [v2('/docker/abcd', '/docker/abc'), v2('/../elsewhere'), v2('/', '/..')]) {
    t.throws(() => paths(facts, 'c1'), { code: 'ERR_HOST_CGROUP' })
    t.same(paths(facts, '/c1'), ['c1'])
  }
})

t.test('A path that could lead anywhere else is refused, and the field is named.', async t => {
  const bad = ['/', '//', '/..', '..', '/./', '/a/../../b', 'a/..', 'a\0b', '/a\nb']
  for (const path of [...bad, `/${'x'.repeat(256)}`, `/${'é'.repeat(128)}`]) {
    t.throws(
      () => paths(hybrid, path),
      { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/linux/cgroupsPath', rule: 'config-linux.md#cgroups-path' }] },
      JSON.stringify(path),
    )
  }
})

t.test('Slashes too many and dots are left out.', async t => {
  for (const path of ['/a//b', '/a/b/', '//a/./b//', '/./a/b']) t.same(paths(hybrid, path), paths(hybrid, '/a/b'), path)
  for (const path of ['./a', 'a/', 'a//.']) t.same(paths(hybrid, path), paths(hybrid, 'a'), path)
})

t.test('Names with dots, colons and blanks in them are only names.', async t => {
  for (const path of ['/..a', '/...', '/a:b:c', '/a b', `/${'x'.repeat(255)}`]) {
    t.same(paths(v2('/'), path), [path.slice(1)])
  }
})
