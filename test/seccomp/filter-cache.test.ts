import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import t, { type Test } from 'tap'
import { SystemError } from '../../lib/errors.js'
import { readCachedProgram, writeCachedProgram } from '../../lib/seccomp/filter-cache.js'
import { missing } from '../needs.js'

const KEY = 'a'.repeat(64)
const PROGRAM = Uint8Array.from({ length: 16 }, (_, index) => index)

interface Cache {
  readonly directory: string
  readonly file: string
  /** Stands for libseccomp.so.2. */
  readonly library: string
  read(key?: string): Uint8Array | string
  write(key?: string): void
}

function cache(t: Test): Cache {
  const root = t.testdir({ library: 'ELF' })
  const [directory, library] = [`${root}/cache`, `${root}/library`]
  return {
    directory,
    library,
    file: `${directory}/${KEY}.filter`,
    read: (key = KEY) => readCachedProgram({ directory, key }),
    write: (key = KEY) => writeCachedProgram({ directory, key, library, program: PROGRAM }),
  }
}

/** A cache with one entry. */
function filled(t: Test): Cache {
  const made = cache(t)
  made.write()
  return made
}

t.test('what was written is read', async t => {
  const { read, write, file, directory } = cache(t)
  t.equal(read(), 'not there')
  write()
  t.same(read(), PROGRAM)
  t.equal(statSync(file).mode & 0o7777, 0o600)
  t.equal(statSync(directory).mode & 0o7777, 0o700)
  t.same(readdirSync(directory), [`${KEY}.filter`], 'nothing else is left')
})

t.test('a file that is not whole is not believed, whichever byte is wrong or missing', async t => {
  const { read, file } = filled(t)
  const whole = readFileSync(file)
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at)
    writeFileSync(file, changed)
    if (typeof read() !== 'string') t.fail(`byte ${at} was changed`)
    writeFileSync(file, whole.subarray(0, at))
    if (typeof read() !== 'string') t.fail(`cut off at ${at}`)
  }
  writeFileSync(file, whole)
  t.same(read(), PROGRAM)
  for (const text of ['null\n', '{}\n', '[]\n', `{"key":1}\n${'x'.repeat(8)}`]) {
    writeFileSync(file, text)
    t.equal(read(), 'no header')
  }
  writeFileSync(file, Buffer.alloc(100_000))
  t.equal(read(), 'too large')
})

t.test('an entry under the name of another is not believed', async t => {
  const { read, file } = filled(t)
  const other = 'b'.repeat(64)
  renameSync(file, file.replace(KEY, other))
  t.equal(read(other), 'made for another key')
})

t.test('a file that somebody else could have made is not believed', async t => {
  const { read, file } = filled(t)
  chmodSync(file, 0o620)
  t.equal(read(), 'others can write it')
  chmodSync(file, 0o600)
  linkSync(file, `${file}.link`)
  t.equal(read(), 'not a plain file')
})

t.test('a file of another user is not believed', { skip: missing('root') }, async t => {
  const { read, file } = filled(t)
  chownSync(file, 1000, 1000)
  t.equal(read(), 'others can write it')
})

t.test('what is no plain file is neither followed nor waited for', async t => {
  const { read, file } = filled(t)
  renameSync(file, `${file}.moved`)
  symlinkSync(`${file}.moved`, file)
  t.match(read(), /ELOOP/)
  rmSync(file)
  execFileSync('mkfifo', ['-m', '600', file])
  t.equal(read(), 'not a plain file')
})

t.test('an updated libseccomp makes the entry stale', async t => {
  const { read, write, library } = filled(t)
  writeFileSync(library, 'ELF of another size')
  t.equal(read(), 'libseccomp has changed')
  write()
  t.same(read(), PROGRAM)
  rmSync(library)
  t.type(read(), 'string')
})

t.test('what is in the way is replaced', async t => {
  const { read, write, file } = filled(t)
  writeFileSync(file, 'rubbish')
  write()
  t.same(read(), PROGRAM)
})

t.test('the directory does not grow for ever', async t => {
  const { write, directory } = cache(t)
  for (let n = 0; n < 300; n++) write(n.toString(16).padStart(64, '0'))
  t.ok(readdirSync(directory).length <= 256)
})

t.test('if nothing can be written, that is an error', async t => {
  const { library } = filled(t)
  const write = () => writeCachedProgram({ directory: `${library}/below`, key: KEY, library, program: PROGRAM })
  t.throws(write, SystemError)
})
