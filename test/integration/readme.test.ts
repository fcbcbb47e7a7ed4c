import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { transformSync } from 'esbuild'
import t, { type Test } from 'tap'
import { RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

interface Block {
  readonly language: string
  readonly code: string
  /** Where it stands, such as `README.md:40`. */
  readonly place: string
}

/** The examples of a page, in their order. What a comment behind `->` promises is what they have to print. */
function blocksOf(path: string): readonly Block[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/^```(ts|js|sh)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: code = '', index }) => ({
    language,
    code,
    place: `${path}:${text.slice(0, index).split('\n').length}`,
  }))
}

const promises = (code: string) => [...code.matchAll(/(?:#|\/\/) -> (.*)$/gm)].map(([, promise]) => promise ?? '')

const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]
const pagesWithBlocks = pages.map(path => ({ path, blocks: blocksOf(path) })).filter(({ blocks }) => blocks.length > 0)

/** A folder where `tsrun` is a command and a package. */
function folderWithTsrun(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-readme-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(process.cwd(), join(folder, 'node_modules', 'tsrun'))
  symlinkSync(resolve('node_modules/@types'), join(folder, 'node_modules', '@types'))
  writeFileSync(join(folder, 'bin', 'tsrun'), `#!/bin/sh\nexec "${RUNNER}" "${TSRUN}" "$@"\n`)
  chmodSync(join(folder, 'bin', 'tsrun'), 0o755)
  return folder
}

/** Runs a program with a /run of its own, so that the examples may use the default state directory. */
function run(folder: string, ...command: readonly string[]) {
  const script = 'mount -t tmpfs none /run && exec "$@"'
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', ...command], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  })
  return { status, stdout, output: `${stdout}${stderr}` }
}

function runBlock(folder: string, { language, code }: Block) {
  if (language === 'sh') return run(folder, 'sh', '-euc', code)
  const file = join(folder, 'example.mjs')
  // What is JavaScript runs as it stands, on every version of Node that is supported.
  if (language === 'js') writeFileSync(file, code)
  else writeFileSync(file, transformSync(code, { loader: 'ts', format: 'esm', target: 'node20' }).code)
  return run(folder, process.execPath, file)
}

t.setTimeout(300_000)

t.test('the README has examples', async t => {
  t.ok(blocksOf('README.md').some(({ language }) => language === 'ts'))
  t.equal(
    blocksOf('README.md').find(({ language }) => language !== 'sh')?.language,
    'js',
    'the first one is JavaScript',
  )
  t.ok(blocksOf('README.md').some(({ language }) => language === 'sh'))
})

for (const { path, blocks } of pagesWithBlocks) {
  t.test(
    `the examples of ${path} do what they say`,
    { skip: missing('root', 'busybox'), timeout: 180_000 },
    async t => {
      const folder = folderWithTsrun(t)
      for (const block of blocks) {
        const { status, stdout, output } = runBlock(folder, block)
        t.equal(status, 0, block.place, { output })
        for (const promise of promises(block.code)) t.match(stdout, promise, block.place)
      }
    },
  )
}

t.test('the examples have the right types', async t => {
  const folder = folderWithTsrun(t)
  const blocks = pagesWithBlocks.flatMap(page => page.blocks).filter(({ language }) => language === 'ts')
  const files = blocks.map((_, index) => `example${index}.ts`)
  blocks.forEach(({ code }, index) => {
    writeFileSync(join(folder, `example${index}.ts`), code)
  })
  const options = {
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
  const tsc = resolve('node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc], { cwd: folder, encoding: 'utf8' })
  t.equal(status, 0, 'tsc finds nothing', { stdout })
})
