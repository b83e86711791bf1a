// The package's main entry does not load in Node; its module build, which does, comes without types of its own.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
