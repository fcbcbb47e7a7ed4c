/** Trees that go into a sandbox, and come out of one. */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { copyIntoSandbox, copyOutOfSandbox } from '../../lib/sandbox/file-copies.js'
import { Sandbox } from '../../lib/sandbox/index.js'
import { statusFrom } from '../../lib/sys/rooted.js'
import { folder } from '../folder.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp') }

t.test('a directory goes in, and what became of it comes out', skip, async t => {
  const source = folder(t, { 'a.txt': 'a' })
  writeFileSync(join(source, 'run.sh'), '#!/bin/sh\necho ran > out.txt\n', { mode: 0o755 })
  mkdirSync(join(source, 'deep/er'), { recursive: true })
  const bytes = Buffer.alloc(300_000, 7)
  writeFileSync(join(source, 'deep/er/bytes'), bytes)
  symlinkSync('/etc/shadow', join(source, 'link'))
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  t.same(await box.files.copyIn(`${source}/`, 'project'), [`${source}/link`], 'links are left out, and told')
  const { verdict, stderr } = await box.commands.run(
    './run.sh; ln -s /etc/passwd out; mkfifo pipe; echo more >> a.txt',
    {
      cwd: '/home/sandbox/project',
    },
  )
  t.equal(verdict, 'ok', stderr)
  const target = join(folder(t, {}), 'copy')
  t.same(await box.files.copyOut('project', target), ['project/out', 'project/pipe'])
  t.same(readdirSync(target).sort(), ['a.txt', 'deep', 'out.txt', 'run.sh'])
  t.equal(readFileSync(join(target, 'a.txt'), 'utf8'), 'amore\n')
  t.ok(readFileSync(join(target, 'deep/er/bytes')).equals(bytes))
  t.equal(statSync(join(target, 'run.sh')).mode & 0o777, 0o755)
  t.equal(statSync(join(target, 'a.txt')).mode & 0o777, 0o644)
  t.same(await box.files.copyIn(join(source, 'a.txt'), '/home/sandbox/one'), [])
  t.equal(await box.files.read('one'), 'a')
})

t.test('nothing that is there is written to, and no link leads anywhere', skip, async t => {
  const target = folder(t, { there: 'mine' })
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  await box.commands.run('echo theirs > file; mkdir dir; ln -s /proc/self/mem dir/mem; : > "dir/$(printf "\\377")"')
  symlinkSync('there', join(target, 'link'))
  for (const name of ['there', 'link'])
    await t.rejects(box.files.copyOut('file', join(target, name)), { message: /EEXIST/ }, name)
  await t.rejects(box.files.copyOut('dir', target), { message: /EEXIST/ })
  t.equal(readFileSync(join(target, 'there'), 'utf8'), 'mine')
  t.same(await box.files.copyOut('dir', join(target, 'dir')), ['dir/mem', 'dir/\ufffd'])
  await t.rejects(box.files.copyOut('nosuch', join(target, 'new')), { message: /ENOENT/ })
  await t.rejects(box.files.copyOut('/proc', join(target, 'new')), { message: /EPERM/ })
  await t.rejects(box.files.copyIn('/no/such', 'x'), { message: /ENOENT/ })
  t.notOk(readdirSync(target).includes('new'))
})

t.test('a copy is bounded, and ends with its signal', skip, async t => {
  const place = folder(t, { file: 'x' })
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  await box.commands.run(
    'mkdir big; head -c 100000 /dev/zero > big/one; truncate -s 1T big/two 2>/dev/null || head -c 3000000 /dev/zero > big/two',
  )
  await t.rejects(box.files.copyOut('big', join(place, 'big'), { limit: '1M' }), { message: /EFBIG/ })
  const signal = AbortSignal.abort(new RangeError('mine'))
  await t.rejects(box.files.copyOut('big', join(place, 'other'), { signal }), { message: 'mine' })
  await t.rejects(box.files.copyIn(place, 'in', { signal }), { message: 'mine' })
  const usual = { signal: AbortSignal.abort() }
  await t.rejects(
    box.files.remove('big', { recursive: true, ...usual }),
    { name: 'AbortError' },
    'whatever its code is',
  )
  const wrong = { code: 'ERR_CONFIG_INVALID' }
  await t.rejects(box.files.copyIn('', 'x'), wrong)
  await t.rejects(box.files.copyIn(place, ''), wrong)
  await t.rejects(box.files.copyOut('big', 5 as never), wrong)
  await t.rejects(box.files.copyOut('big', place, { nosuch: 1 } as never), wrong)
  await t.rejects(box.files.write('x', 'x', { mode: 0o4755 }), wrong)
})

/** Those of a sandbox; `at` is called with each path that a file is read at, or a directory made. */
const watched = ({ files }: Sandbox, at: (path: string) => void): Parameters<typeof copyIntoSandbox>[0]['files'] => ({
  list: (path, options) => files.list(path, options),
  stat: path => files.stat(path),
  write: (path, data, options) => files.write(path, data, options),
  mkdir: path => {
    at(path)
    return files.mkdir(path)
  },
  readStream: path => {
    at(path)
    return files.readStream(path)
  },
})

t.test('who replaces a directory on the host meanwhile leads to no other one', skip, async t => {
  const outside = folder(t, { file: 'secret' })
  const replace = (path: string): void => {
    renameSync(path, `${path}.old`)
    symlinkSync(outside, path)
  }
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  await box.commands.run('mkdir -p dir/sub; echo theirs > dir/sub/new')
  const target = join(folder(t, {}), 'copy')
  const out = { files: watched(box, () => replace(join(target, 'sub'))), from: 'dir', to: target }
  t.same(await copyOutOfSandbox({ ...out, signal: undefined, limit: 1000 }), ['dir/sub/new'])
  t.same(readdirSync(outside), ['file'])
  const source = folder(t, {})
  mkdirSync(join(source, 'sub'))
  writeFileSync(join(source, 'sub/file'), 'public')
  const files = watched(box, path => void (path === 'in/sub' && replace(join(source, 'sub'))))
  t.same(await copyIntoSandbox({ files, from: source, to: 'in', signal: undefined }), [`${source}/sub/file`])
  t.same(await box.files.list('in/sub'), [])
})

t.test('a link that is named is followed, and a name that is no text holds nothing else back', skip, async t => {
  const place = folder(t, { file: 'x' })
  symlinkSync('file', join(place, 'link'))
  writeFileSync(Buffer.from(`${place}/\xff`, 'latin1'), '')
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  t.same(await box.files.copyIn(join(place, 'link'), 'one'), [])
  t.equal(await box.files.read('one'), 'x')
  t.same(await box.files.copyIn(place, 'all'), [`${place}/link`, `${place}/\ufffd`])
  t.same(
    (await box.files.list('all')).map(({ name }) => name),
    ['file'],
  )
})

t.test('what waits to be copied is bounded, however deep it is', async t => {
  const entries = Array.from(
    { length: 60_000 },
    (_, index) => ({ name: `${index}`, kind: 'directory', mode: 0 }) as const,
  )
  let lists = 0
  const files = {
    ...{ write: async () => {}, mkdir: async () => {}, readStream: () => t.fail('there are no files') },
    stat: async () => statusFrom(statSync('.')),
    list: async () => {
      if (++lists > 2) throw new RangeError('too many')
      return entries
    },
  }
  const copy = { files: files as never, from: 'dir', to: join(folder(t, {}), 'copy'), signal: undefined, limit: 1 }
  await t.rejects(copyOutOfSandbox(copy), { message: /EFBIG/ })
})
