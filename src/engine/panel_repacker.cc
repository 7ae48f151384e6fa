#include "engine/panel_repacker.h"

#include <algorithm>
#include <cstring>
#include <string>

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

}  // namespace

uint64_t PanelRepacker::Bytes(const WeightMap& map, std::span<const TensorInfo> tensors,
                              uint32_t threads) {
  const Sizes sizes = SizesFor(map, tensors);
  return sizes.staging + threads * (sizes.values * sizeof(float) + sizes.codes);
}

Result<PanelRepacker> PanelRepacker::Make(const WeightMap& map, std::span<const TensorInfo> tensors,
                                          const KernelTable& kernels, ThreadPool* pool,
                                          uint8_t* image) {
  PanelRepacker repacker;
  const Sizes sizes = SizesFor(map, tensors);
  const uint64_t threads = pool->threads();
  TRY_ASSIGN(repacker.staging_, Buffer<uint8_t>::Make(sizes.staging, "staging of a panel"));
  TRY_ASSIGN(repacker.values_, Buffer<float>::Make(threads * sizes.values, "staging of rows"));
  TRY_ASSIGN(repacker.codes_, Buffer<uint8_t>::Make(threads * sizes.codes, "staging of codes"));
  repacker.kernels_ = &kernels;
  repacker.pool_ = pool;
  repacker.image_ = image;
  return repacker;
}

PanelRepacker::Scratch PanelRepacker::ScratchOf(uint32_t thread) {
  const uint32_t threads = pool_->threads();
  return {values_.data() + values_.size() / threads * thread,
          codes_.data() + codes_.size() / threads * thread};
}

void PanelRepacker::Begin(const TensorInfo& tensor, const WeightSlot& slot) {
  CHECK(done());
  tensor_ = &tensor;
  slot_ = &slot;
  row_bytes_ = static_cast<size_t>(RowBytes(tensor.type, slot.columns));
  n_rows_ = slot.rows;
  next_row_ = 0;
}

Result<size_t> PanelRepacker::Write(std::span<const uint8_t> bytes) {
  size_t taken = 0;
  while (!done() && taken < bytes.size()) {
    const uint32_t n_rows = std::min(kPanelColumns, n_rows_ - next_row_);
    const size_t unit = n_rows * row_bytes_;
    const std::span<const uint8_t> rest = bytes.subspan(taken);
    if (staged_ == 0 && rest.size() >= unit) {
      // As many whole panels as there are, the tensor's last rows among them.
      const uint64_t whole = std::min<uint64_t>(rest.size() / row_bytes_, n_rows_ - next_row_);
      const uint64_t all =
          next_row_ + whole == n_rows_ ? whole : whole / kPanelColumns * kPanelColumns;
      TRY(TakeAll({rest.data(), next_row_, static_cast<uint32_t>(all)}));
      taken += static_cast<size_t>(all) * row_bytes_;
      continue;
    }
    const size_t piece = std::min(rest.size(), unit - staged_);
    std::memcpy(staging_.data() + staged_, rest.data(), piece);
    staged_ += piece;
    taken += piece;
    if (staged_ == unit) {
      staged_ = 0;
      TRY(TakeAll({staging_.data(), next_row_, n_rows}));
    }
  }
  return taken;
}

// Each thread takes some of the panels. The error is that of the first row that has one, however
// many threads there are.
Status PanelRepacker::TakeAll(const Rows& rows) {
  struct Job {
    PanelRepacker* repacker;
    const Rows& rows;
    Status failed[kMaxThreads];
  };
  Job job{this, rows, {}};
  pool_->Run(
      [](void* context, uint32_t thread, uint32_t threads) {
        Job& all = *static_cast<Job*>(context);
        PanelRepacker& self = *all.repacker;
        const uint32_t panels = (all.rows.count + kPanelColumns - 1) / kPanelColumns;
        const Range mine = SplitRange(panels, thread, threads);
        for (uint32_t panel = mine.begin; panel < mine.end && all.failed[thread].ok(); ++panel) {
          const uint32_t row = panel * kPanelColumns;
          all.failed[thread] =
              self.TakePanel({all.rows.bytes + row * self.row_bytes_, all.rows.first + row,
                              std::min(kPanelColumns, all.rows.count - row)},
                             self.ScratchOf(thread));
        }
      },
      &job);
  for (Status& status : job.failed) TRY(std::move(status));
  next_row_ += rows.count;
  return {};
}

Status PanelRepacker::TakePanel(const Rows& rows, const Scratch& scratch) const {
  if (slot_->kind == WeightSlot::Kind::kFloats) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      TRY(TakeFloats(rows.bytes + i * row_bytes_, rows.first + i, scratch));
    }
    return {};
  }
  const uint8_t* stored = rows.bytes;
  if (tensor_->type != slot_->stored) {
    TRY(EncodeRows(rows, scratch));
    stored = scratch.codes;
  }
  const size_t stored_bytes = static_cast<size_t>(RowBytes(slot_->stored, slot_->columns));
  for (uint32_t i = 0; i < rows.count; ++i) {
    if (!ScalesFinite(slot_->stored, stored + i * stored_bytes, slot_->columns)) {
      return Nonfinite(rows.first + i, "a scale that is NaN or infinite");
    }
  }
  const uint64_t panel_bytes = PackedBytes(slot_->stored, kPanelColumns, slot_->columns);
  uint8_t* panel = image_ + slot_->image_offset + rows.first / kPanelColumns * panel_bytes;
  kernels_->pack_panel(slot_->stored, stored, rows.count, slot_->columns, panel);
  return {};
}

Status PanelRepacker::TakeFloats(const uint8_t* row, uint32_t index, const Scratch& scratch) const {
  const bool kept = index < slot_->kept_rows;
  float* values = scratch.values;
  if (kept) {
    values =
        reinterpret_cast<float*>(image_ + slot_->image_offset) + size_t{index} * slot_->columns;
  }
  DecodeRow(tensor_->type, row, slot_->columns, values);
  if (!kernels_->all_finite(values, slot_->columns)) {
    return Nonfinite(index, "a value that is NaN or infinite");
  }
  return {};
}

Status PanelRepacker::EncodeRows(const Rows& rows, const Scratch& scratch) const {
  const size_t stored_bytes = static_cast<size_t>(RowBytes(slot_->stored, slot_->columns));
  for (uint32_t i = 0; i < rows.count; ++i) {
    DecodeRow(tensor_->type, rows.bytes + i * row_bytes_, slot_->columns, scratch.values);
    if (!kernels_->all_finite(scratch.values, slot_->columns)) {
      return Nonfinite(rows.first + i, "a value that is NaN or infinite");
    }
    if (!EncodeRow(slot_->stored, scratch.values, slot_->columns,
                   scratch.codes + i * stored_bytes)) {
      return Nonfinite(rows.first + i, "a value too large for the scales of Q8_0");
    }
  }
  return {};
}

Error PanelRepacker::Nonfinite(uint32_t row, const char* what) const {
  return MakeError(Code::kNonfinite,
                   std::string(tensor_->name) + " has " + what + " in row " + std::to_string(row),
                   tensor_->offset + row * row_bytes_);
}

}  // namespace parley
