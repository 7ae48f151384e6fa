// The public names of error codes. The codes themselves and their meaning stand in result.h.
#include "base/result.h"

namespace parley {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kTruncated:
      return "TRUNCATED";
    case Code::kBadMagic:
      return "BAD_MAGIC";
    case Code::kBadVersion:
      return "BAD_VERSION";
    case Code::kLimit:
      return "LIMIT";
    case Code::kOverflow:
      return "OVERFLOW";
    case Code::kBadType:
      return "BAD_TYPE";
    case Code::kBadAlign:
      return "BAD_ALIGN";
    case Code::kBadShape:
      return "BAD_SHAPE";
    case Code::kBadOffset:
      return "BAD_OFFSET";
    case Code::kDuplicate:
      return "DUPLICATE";
    case Code::kBadConfig:
      return "BAD_CONFIG";
    case Code::kUnsupportedModel:
      return "UNSUPPORTED_MODEL";
    case Code::kNonfinite:
      return "NONFINITE";
    case Code::kOom:
      return "OOM";
    case Code::kIo:
      return "IO";
    case Code::kBadJson:
      return "BAD_JSON";
    case Code::kBadVocab:
      return "BAD_VOCAB";
    case Code::kBadArg:
      return "BAD_ARG";
    case Code::kUnsupportedOption:
      return "UNSUPPORTED_OPTION";
    case Code::kContextFull:
      return "CONTEXT_FULL";
    case Code::kAborted:
      return "ABORTED";
    case Code::kBadState:
      return "BAD_STATE";
    case Code::kChecksum:
      return "CHECKSUM";
    case Code::kKernelsChanged:
      return "KERNELS_CHANGED";
  }
  return "UNKNOWN";
}

}  // namespace parley
