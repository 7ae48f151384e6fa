// The subcommands of `parley`, one source file each. Each declares its options on `arguments`,
// parses, runs, and returns the exit code.
#pragma once

#include "cli/arguments.h"

namespace parley {

int RunChat(Arguments& arguments);
int RunComplete(Arguments& arguments);
int RunTokenize(Arguments& arguments);
int RunDetokenize(Arguments& arguments);
int RunQuantize(Arguments& arguments);
int RunInspect(Arguments& arguments);
int RunEval(Arguments& arguments);
int RunBench(Arguments& arguments);

}  // namespace parley
