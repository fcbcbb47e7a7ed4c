import t from 'tap'
import type { Flag } from '../../lib/cli/command.js'
import { checkCount, parseArguments, UsageError } from '../../lib/cli/command-line.js'

const flags: readonly Flag[] = [
  { name: 'bundle', short: 'b', value: 'DIR', help: '' },
  { name: 'preserve-fds', value: 'N', kind: 'count', help: '' },
  { name: 'detach', short: 'd', help: '' },
  { name: 'quiet', short: 'q', help: '' },
  { name: 'no-subreaper', help: '' },
]

/** What is given, as plain data. */
function parse(argv: readonly string[], stopsAtArgument = false) {
  const { flags: given, args } = parseArguments(argv, { flags, stopsAtArgument })
  return {
    args,
    bundle: given.text('bundle'),
    count: given.count('preserve-fds'),
    on: ['detach', 'quiet', 'no-subreaper'].filter(name => given.isOn(name)),
  }
}

const nothing = { args: [], bundle: undefined, count: 0, on: [] }

t.test('without arguments nothing is given', async t => {
  t.same(parse([]), nothing)
})

t.test('a value is taken from the same word or from the next', async t => {
  for (const argv of [
    ['--bundle', '/x'],
    ['--bundle=/x'],
    ['-bundle', '/x'],
    ['-bundle=/x'],
    ['-b', '/x'],
    ['-b=/x'],
  ]) {
    t.same(parse(argv), { ...nothing, bundle: '/x' }, argv.join(' '))
  }
})

t.test('a value may be empty, have a dash in front, or an equals sign in it', async t => {
  t.equal(parse(['--bundle=']).bundle, '')
  t.equal(parse(['--bundle', '-x']).bundle, '-x')
  t.equal(parse(['--bundle=a=b\nc']).bundle, 'a=b\nc')
})

t.test('the last value counts', async t => {
  t.equal(parse(['-b', 'one', '--bundle', 'two']).bundle, 'two')
})

t.test('long switches are taken with one dash, as containerd writes them', async t => {
  t.same(parse(['-no-subreaper', 'ID']), { ...nothing, on: ['no-subreaper'], args: ['ID'] })
})

t.test('a switch can be given a truth value', async t => {
  t.same(parse(['--detach=true', '--quiet=0']).on, ['detach'])
  t.throws(() => parse(['--detach=maybe']), {
    name: 'UsageError',
    message: 'invalid boolean value "maybe" for -detach',
  })
})

t.test('short switches can be bundled, the last with a value', async t => {
  t.same(parse(['-dq']).on, ['detach', 'quiet'])
  t.same(parse(['-db', '/x', 'ID']), { args: ['ID'], bundle: '/x', count: 0, on: ['detach'] })
  t.throws(() => parse(['-bd', '/x']), { message: 'flag provided but not defined: -bd' })
})

t.test('flags may follow arguments', async t => {
  t.same(parse(['ID', '-d', 'more']), { ...nothing, on: ['detach'], args: ['ID', 'more'] })
})

t.test('but not if a command stops at its first argument', async t => {
  t.same(parse(['-d', 'ID', '-9', '--bundle'], true), { ...nothing, on: ['detach'], args: ['ID', '-9', '--bundle'] })
})

t.test('two dashes end the flags, one alone is an argument', async t => {
  t.same(parse(['a', '--', '-d', '--x']).args, ['a', '-d', '--x'])
  t.same(parse(['-']).args, ['-'])
})

t.test('what is not known or not complete is an error in the words of the other runtimes', async t => {
  const cases: readonly (readonly [string, string])[] = [
    ['--bogus', 'flag provided but not defined: -bogus'],
    ['-bogus', 'flag provided but not defined: -bogus'],
    ['--', ''],
    ['--bundle', 'flag needs an argument: -bundle'],
    ['--=x', 'flag provided but not defined: -'],
    ['--preserve-fds=-1', 'invalid value "-1" for flag -preserve-fds: expected a whole number'],
    ['--preserve-fds=0x3', 'invalid value "0x3" for flag -preserve-fds: expected a whole number'],
    ['--preserve-fds=', 'invalid value "" for flag -preserve-fds: expected a whole number'],
  ]
  for (const [word, message] of cases) {
    if (message === '') t.same(parse([word]), nothing)
    else t.throws(() => parse([word]), { message }, word)
  }
})

t.test('names of object properties are no flags', async t => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.throws(() => parse([`--${name}`]), { message: `flag provided but not defined: -${name}` })
    t.throws(() => parse([`--detach=${name}`]), UsageError)
  }
})

t.test('the number of arguments is checked', async t => {
  t.doesNotThrow(() => checkCount('kill', 2, { min: 1, max: 2 }))
  const told = (count: number, min: number, max: number) => {
    try {
      checkCount('start', count, { min, max })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(told(0, 1, 1), 'tsrun: "start" requires exactly 1 argument(s)')
  t.equal(told(0, 1, 2), 'tsrun: "start" requires a minimum of 1 argument(s)')
  t.equal(told(3, 1, 2), 'tsrun: "start" requires a maximum of 2 argument(s)')
})
