// Whole panels are noted where they lie and repacked by all threads at the next Start or Finish;
// one that comes in pieces is gathered first.
#include "engine/panel_repacker.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "kernels/blocks.h"
#include "kernels/quantize.h"

namespace parley {
namespace {

// Sizes of the working memory: the largest that any tensor needs.
struct Sizes {
  uint64_t staging = 0;  // bytes
  uint64_t values = 0;   // floats
  uint64_t codes = 0;    // bytes
};

Sizes SizesFor(const WeightMap& map, std::span<const TensorInfo> tensors) {
  Sizes sizes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const WeightSlot& slot = map.slots()[i];
    if (slot.kind == WeightSlot::Kind::kIgnored) continue;
    const uint64_t rows = std::min(slot.rows, kPanelColumns);
    sizes.staging = std::max(sizes.staging, rows * RowBytes(tensors[i].type, slot.columns));
    sizes.values = std::max(sizes.values, uint64_t{slot.columns});
    if (slot.kind == WeightSlot::Kind::kMatrix && slot.stored != tensors[i].type) {
      sizes.codes = std::max(sizes.codes, rows * RowBytes(slot.stored, slot.columns));
    }
  }
  return sizes;
}

// Whether every block's f16 scale is finite: exponent not all ones.
bool ScalesFinite(DType type, const uint8_t* row, uint32_t columns) {
  const uint32_t block_bytes = GgmlBlockBytes(type);
  uint32_t bad = 0;
  for (uint32_t block = 0; block < columns / kBlock; ++block, row += block_bytes) {
    bad |= (row[1] & 0x7c) == 0x7c;
  }
  return bad == 0;
}

Error Nonfinite(const TensorInfo& tensor, uint32_t row, size_t row_bytes, const char* what) {
  return MakeError(Code::kNonfinite,
                   std::string(tensor.name) + " has " + what + " in row " + std::to_string(row),
                   tensor.offset + row * row_bytes);
}

constexpr uint32_t PanelsOf(uint32_t rows) { return (rows + kPanelColumns - 1) / kPanelColumns; }

}  // namespace

uint64_t PanelRepacker::Bytes(const WeightMap& map, std::span<const TensorInfo> tensors,
                              uint32_t threads) {
  const Sizes sizes = SizesFor(map, tensors);
  return sizes.staging + threads * (sizes.values * sizeof(float) + sizes.codes);
}

Result<std::unique_ptr<PanelRepacker>> PanelRepacker::Make(const WeightMap& map,
                                                           std::span<const TensorInfo> tensors,
                                                           const KernelTable& kernels,
                                                           ThreadPool* pool, uint8_t* image) {
  std::unique_ptr<PanelRepacker> repacker(new (std::nothrow) PanelRepacker(kernels, pool, image));
  if (repacker == nullptr) return MakeError(Code::kOom, "no memory for repacking");
  const Sizes sizes = SizesFor(map, tensors);
  const uint64_t threads = pool->threads();
  TRY_ASSIGN(repacker->staging_, Buffer<uint8_t>::Make(sizes.staging, "staging of a panel"));
  TRY_ASSIGN(repacker->values_, Buffer<float>::Make(threads * sizes.values, "staging of rows"));
  TRY_ASSIGN(repacker->codes_, Buffer<uint8_t>::Make(threads * sizes.codes, "staging of codes"));
  return repacker;
}

PanelRepacker::Scratch PanelRepacker::ScratchOf(uint32_t thread) {
  const uint32_t threads = pool_->threads();
  return {values_.data() + values_.size() / threads * thread,
          codes_.data() + codes_.size() / threads * thread};
}

void PanelRepacker::Begin(const TensorInfo& tensor, const WeightSlot& slot) {
  CHECK(done());
  tensor_ = {&tensor, &slot, static_cast<size_t>(RowBytes(tensor.type, slot.columns)), slot.rows};
  next_row_ = 0;
}

Result<size_t> PanelRepacker::Write(std::span<const uint8_t> bytes) {
  CHECK(!started_);
  size_t taken = 0;
  while (!done() && taken < bytes.size()) {
    const uint32_t rows_left = tensor_.n_rows - next_row_;
    const uint32_t n_rows = std::min(kPanelColumns, rows_left);
    const size_t unit = n_rows * tensor_.row_bytes;
    const std::span<const uint8_t> rest = bytes.subspan(taken);
    if (staged_ == 0 && rest.size() >= unit) {
      // As many whole panels as there are, the tensor's last rows among them.
      const uint64_t whole = std::min<uint64_t>(rest.size() / tensor_.row_bytes, rows_left);
      const uint64_t all = whole == rows_left ? whole : whole / kPanelColumns * kPanelColumns;
      TRY(Note(rest.data(), static_cast<uint32_t>(all)));
      taken += static_cast<size_t>(all) * tensor_.row_bytes;
      continue;
    }
    const size_t piece = std::min(rest.size(), unit - staged_);
    std::memcpy(staging_.data() + staged_, rest.data(), piece);
    staged_ += piece;
    taken += piece;
    if (staged_ == unit) {  // of the bytes of this call the first, so nothing of them is noted yet
      staged_ = 0;
      TRY(TakePanel({tensor_, staging_.data(), next_row_, n_rows, 0}, ScratchOf(0)));
      next_row_ += n_rows;
    }
  }
  return taken;
}

// The tensor's next `count` rows.
Status PanelRepacker::Note(const uint8_t* bytes, uint32_t count) {
  if (n_noted_ == kMostNoted) TRY(Finish());
  const uint32_t panels_before = n_noted_ == 0 ? 0 : noted_[n_noted_ - 1].panels_end;
  noted_[n_noted_++] = {tensor_, bytes, next_row_, count, panels_before + PanelsOf(count)};
  next_row_ += count;
  return {};
}

void PanelRepacker::Start() {
  if (alone_ || started_ || n_noted_ == 0) return;
  started_ = true;
  pool_->Begin(
      [](void* context, uint32_t thread, uint32_t) {
        PanelRepacker& self = *static_cast<PanelRepacker*>(context);
        self.RepackNoted(self.ScratchOf(thread));
      },
      this);
}

Status PanelRepacker::Finish() {
  if (n_noted_ == 0) return {};
  if (alone_) {
    RepackNoted(ScratchOf(0));
  } else {
    Start();
    pool_->End();
    started_ = false;
  }
  Status status;
  if (failed_) status = FirstError();
  n_noted_ = 0;
  next_panel_ = 0;
  failed_ = false;
  return status;
}

PanelRepacker::Rows PanelRepacker::PanelAt(const Rows& rows, uint32_t row) {
  return {rows.tensor, rows.bytes + row * rows.tensor.row_bytes, rows.first + row,
          std::min(kPanelColumns, rows.count - row), 0};
}

// Every thread takes a few panels at a time until none is left: the caller's thread comes last.
void PanelRepacker::RepackNoted(const Scratch& scratch) {
  const uint32_t n_panels = noted_[n_noted_ - 1].panels_end;
  const Rows* rows = noted_;
  for (;;) {
    const uint32_t begin = next_panel_.fetch_add(kClaim, std::memory_order_relaxed);
    if (begin >= n_panels) return;
    for (uint32_t panel = begin; panel < std::min(begin + kClaim, n_panels); ++panel) {
      while (panel >= rows->panels_end) ++rows;
      const uint32_t from_end = rows->panels_end - panel;
      const uint32_t row = (PanelsOf(rows->count) - from_end) * kPanelColumns;
      if (!TakePanel(PanelAt(*rows, row), scratch).ok()) {
        failed_.store(true, std::memory_order_relaxed);
      }
    }
  }
}

// Goes through all of it again in the file's order.
Status PanelRepacker::FirstError() {
  for (const Rows& rows : std::span(noted_, n_noted_)) {
    for (uint32_t row = 0; row < rows.count; row += kPanelColumns) {
      TRY(TakePanel(PanelAt(rows, row), ScratchOf(0)));
    }
  }
  return {};
}

Status PanelRepacker::TakePanel(const Rows& rows, const Scratch& scratch) const {
  const auto& [tensor, slot, row_bytes, n_rows] = rows.tensor;
  if (slot->kind == WeightSlot::Kind::kFloats) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      TRY(TakeFloats(rows.tensor, rows.bytes + i * row_bytes, rows.first + i, scratch));
    }
    return {};
  }
  const uint8_t* stored = rows.bytes;
  if (tensor->type != slot->stored) {
    TRY(EncodeRows(rows, scratch));
    stored = scratch.codes;
  }
  const size_t stored_bytes = static_cast<size_t>(RowBytes(slot->stored, slot->columns));
  for (uint32_t i = 0; i < rows.count; ++i) {
    if (!ScalesFinite(slot->stored, stored + i * stored_bytes, slot->columns)) {
      return Nonfinite(*tensor, rows.first + i, row_bytes, "a scale that is NaN or infinite");
    }
  }
  const uint64_t panel_bytes = PackedBytes(slot->stored, kPanelColumns, slot->columns);
  uint8_t* panel = image_ + slot->image_offset + rows.first / kPanelColumns * panel_bytes;
  kernels_.pack_panel(slot->stored, stored, rows.count, slot->columns, panel);
  return {};
}

Status PanelRepacker::TakeFloats(const Tensor& tensor, const uint8_t* row, uint32_t index,
                                 const Scratch& scratch) const {
  const WeightSlot& slot = *tensor.slot;
  float* values = scratch.values;
  if (index < slot.kept_rows) {
    values = reinterpret_cast<float*>(image_ + slot.image_offset) + size_t{index} * slot.columns;
  }
  DecodeRow(tensor.info->type, row, slot.columns, values);
  if (!kernels_.all_finite(values, slot.columns)) {
    return Nonfinite(*tensor.info, index, tensor.row_bytes, "a value that is NaN or infinite");
  }
  return {};
}

Status PanelRepacker::EncodeRows(const Rows& rows, const Scratch& scratch) const {
  const auto& [tensor, slot, row_bytes, n_rows] = rows.tensor;
  const size_t stored_bytes = static_cast<size_t>(RowBytes(slot->stored, slot->columns));
  for (uint32_t i = 0; i < rows.count; ++i) {
    DecodeRow(tensor->type, rows.bytes + i * row_bytes, slot->columns, scratch.values);
    if (!kernels_.all_finite(scratch.values, slot->columns)) {
      return Nonfinite(*tensor, rows.first + i, row_bytes, "a value that is NaN or infinite");
    }
    if (!EncodeRow(slot->stored, scratch.values, slot->columns, scratch.codes + i * stored_bytes)) {
      return Nonfinite(*tensor, rows.first + i, row_bytes,
                       "a value too large for the scales of Q8_0");
    }
  }
  return {};
}

}  // namespace parley
