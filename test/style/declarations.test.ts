import { join, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/** The declarations as they are published, by path; nothing is written. */
function published(): ReadonlyMap<string, string> {
  const { config } = ts.readConfigFile('tsconfig.build.json', path => ts.sys.readFile(path))
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, '.')
  const program = ts.createProgram(fileNames, options)
  const files = new Map<string, string>()
  program.emit(undefined, (path, text) => files.set(resolve(path), text), undefined, true)
  return files
}

const files = published()
const directory = resolve('dist')

function programOf(entry: string): ts.Program {
  const options: ts.CompilerOptions = {
    ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    ...{ target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'] },
    ...{ types: ['node'], strict: true, noEmit: true, skipLibCheck: true },
  }
  const host = ts.createCompilerHost(options)
  const { directoryExists, fileExists, readFile, getSourceFile } = host
  // Not there before the first build; what the compiler does not find it does not look into.
  host.directoryExists = path =>
    path === directory || path.startsWith(`${directory}/`) || directoryExists?.call(host, path) !== false
  host.fileExists = path =>
    resolve(path).startsWith(`${directory}/`) ? files.has(resolve(path)) : fileExists.call(host, path)
  host.readFile = path => files.get(resolve(path)) ?? readFile.call(host, path)
  host.getSourceFile = (path, language) => {
    const text = files.get(resolve(path))
    return text === undefined
      ? getSourceFile.call(host, path, language)
      : ts.createSourceFile(path, text, language, true)
  }
  return ts.createProgram([entry], options, host)
}

const entry = join(directory, 'index.d.ts')
const program = programOf(entry)
const checker = program.getTypeChecker()

const aimOf = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

/** What a declaration names: types, and values in `typeof`. */
function namesIn(node: ts.Node): readonly ts.Symbol[] {
  const symbol = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined
  const own = symbol === undefined ? [] : [aimOf(symbol)]
  const parts: ts.Node[] = []
  ts.forEachChild(node, child => void parts.push(child))
  return [...own, ...parts.flatMap(namesIn)]
}

interface Reached {
  readonly name: string
  readonly file: string
}

/** Everything that an exported name leads to, with the file that declares it. */
function reached(): readonly Reached[] {
  const index = program.getSourceFile(entry)
  const module = index === undefined ? undefined : checker.getSymbolAtLocation(index)
  const queue = module === undefined ? [] : checker.getExportsOfModule(module).map(aimOf)
  const seen = new Set(queue)
  const found: Reached[] = []
  for (const symbol of queue) {
    for (const declaration of symbol.declarations ?? []) {
      const file = declaration.getSourceFile().fileName
      const isTop = ts.isSourceFile(declaration.parent) || ts.isVariableDeclaration(declaration)
      if (isTop) found.push({ name: symbol.name, file })
      if (!file.startsWith(`${directory}/`)) continue
      const next = namesIn(declaration).filter(name => !seen.has(name))
      for (const name of next) seen.add(name)
      queue.push(...next)
    }
  }
  return found
}

const all = reached()
const ofOurs = all.filter(({ file }) => file.startsWith(`${directory}/`))

/** What operations have among themselves, and what the command has. */
const INTERNAL = [
  ...['Context', 'Store', 'ContainerRecord', 'Cgroup', 'Child', 'Config', 'Plan', 'HostFacts', 'Created', 'Executed'],
  ...['Launched', 'Bundle', 'CollectSettings', 'ContainerEnd', 'CommandCreateOptions', 'CommandExecOptions'],
]

t.test('the published declarations lead to no internal type', async t => {
  t.ok(ofOurs.some(({ name }) => name === 'Container'))
  t.ok(ofOurs.some(({ name }) => name === 'CreateOptions'))
  t.same(
    ofOurs.filter(({ name }) => INTERNAL.includes(name)),
    [],
  )
})

t.test('a list that is behind a published type is no part of it', async t => {
  t.same(
    ofOurs.filter(({ name }) => /^[A-Z0-9_]+$/.test(name)),
    [],
  )
})

t.test('the internal types are named as they are in the sources', async t => {
  const text = [...files.values()].join('\n')
  t.same(
    INTERNAL.filter(name => !new RegExp(`\\b(interface|type|class) ${name}\\b`).test(text)),
    [],
  )
})

t.test('the published declarations lead to no package but the types of Node', async t => {
  const packages = all.map(({ file }) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1])
  t.same(
    [...new Set(packages)].filter(
      name => name !== undefined && !['typescript', '@types', '@types/node'].includes(name),
    ),
    [],
  )
})

t.test('handles are not made by their users', async t => {
  for (const name of ['container', 'exec-process']) {
    const text = files.get(join(directory, `${name}.d.ts`)) ?? ''
    t.match(text, /private constructor\(\);/)
    t.notMatch(text, /static from/)
  }
})
