/**
 * Makes the C that lets the engine call native/sys and libseccomp: a function for each declaration, so that the compiler compares the
 * arguments. (The other form of the command calls through libffi.)
 */
import { join } from 'node:path'
import { declarations } from '../abi.mjs'

/** What lib/sys/libseccomp.ts calls, as <seccomp.h> declares it. */
const LIBSECCOMP = [
  'uint32_t seccomp_arch_native(void)',
  'uint32_t seccomp_arch_resolve_name(const char *name)',
  'scmp_filter_ctx seccomp_init(uint32_t action)',
  'int seccomp_arch_add(scmp_filter_ctx context, uint32_t architecture)',
  'int seccomp_attr_set(scmp_filter_ctx context, enum scmp_filter_attr attribute, uint32_t value)',
  'void seccomp_release(scmp_filter_ctx context)',
]

/** How each type is taken: the type of the variable, the function, and whether a text has to be dropped. */
function takerOf(type) {
  if (type.startsWith('const char *')) return { holds: 'const char *', take: 'take_text', isText: true }
  if (type.includes('*')) return { holds: 'uint8_t *', take: 'take_bytes' }
  if (type.startsWith('uint32_t')) return { holds: 'uint32_t ', take: 'take_uint32' }
  if (/^(size_t|scmp_filter_ctx)/.test(type)) return { holds: 'size_t ', take: 'take_size' }
  return { holds: 'int ', take: 'take_int' }
}

function parse(declaration) {
  const [, returns, name, inner] = /^(\w+) (\w+)\((.*)\)$/.exec(declaration) ?? []
  if (name === undefined) throw new Error(`what is this: ${declaration}`)
  const types = inner === 'void' ? [] : inner.split(', ')
  return { returns, name, args: types.map(type => ({ type, ...takerOf(type) })) }
}

function passed({ type, holds }, index) {
  if (type.startsWith('scmp_filter_ctx')) return `(scmp_filter_ctx)a${index}`
  if (type.startsWith('enum ')) return `(${type.split(' ').slice(0, 2).join(' ')})a${index}`
  return holds === 'uint8_t *' ? `(void *)a${index}` : `a${index}`
}

function resultOf(returns, call) {
  if (returns === 'void') return `${call};\n  JSValue value = JS_UNDEFINED;`
  if (returns === 'uint32_t') return `JSValue value = JS_NewUint32(ctx, ${call});`
  if (returns === 'scmp_filter_ctx') return `JSValue value = JS_NewInt64(ctx, (int64_t)(uintptr_t)${call});`
  return `JSValue value = JS_NewInt64(ctx, (int64_t)${call});`
}

function wrapper({ returns, name, args }) {
  const holders = args.map(({ holds, isText }, index) => `  ${holds}a${index}${isText ? ' = NULL' : ''};\n`).join('')
  const lengths = args.some(({ take }) => take === 'take_bytes') ? '  size_t length;\n' : ''
  const taken = args.map(({ take }, index) =>
    take === 'take_bytes'
      ? `take_bytes(ctx, argv[${index}], &a${index}, &length)`
      : `${take}(ctx, argv[${index}], &a${index})`,
  )
  const texts = args.flatMap(({ isText }, index) => (isText ? [index] : []))
  const drops = texts.map(index => `  drop_text(ctx, argv[${index}], a${index});\n`).join('')
  const failed = texts.map(index => `    if (a${index})\n      drop_text(ctx, argv[${index}], a${index});\n`).join('')
  const check = taken.length === 0 ? '' : `  if (!(${taken.join(' && ')})) {\n${failed}    return JS_EXCEPTION;\n  }\n`
  const call = `${name}(${args.map(passed).join(', ')})`
  return `NATIVE(call_${name}) {\n${holders}${lengths}${check}  ${resultOf(returns, call)}\n${drops}  return value;\n}\n`
}

const structsOf = own =>
  [...new Set(own.flatMap(text => text.match(/struct \w+/g) ?? []))].map(name => `${name};\n`).join('')

/** The text of calls.c for a clone at `root`. */
export function callsSource(root) {
  const own = declarations(join(root, 'native', 'sys'))
  const functions = [...own, ...LIBSECCOMP].map(parse)
  const added = functions.map(
    ({ name, args }) => `  add_function(ctx, calls, "${name}", call_${name}, ${args.length});\n`,
  )
  return `// Made by scripts/standalone/calls.mjs.
#include "engine.h"
#include <seccomp.h>

${structsOf(own)}
${own.map(declaration => `${declaration};\n`).join('')}
${functions.map(wrapper).join('\n')}
void call_functions(JSContext *ctx, JSValue calls) {
${added.join('')}}
`
}
