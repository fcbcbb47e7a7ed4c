/**
 * In place of node:module, which takes time to load: lib asks it for modules of Node, and for the package `debug` if somebody wants traces.
 */
exports.createRequire = from => name =>
  name.startsWith('node:') ? require(name) : require('node:module').createRequire(from)(name)
