package service

// AcceptsGeneration1 is referred to by generated code of generation 1. A
// build that fails because the name is missing mixes a newer runtime with
// older generated code: run "pl-gen generate".
const AcceptsGeneration1 = true
