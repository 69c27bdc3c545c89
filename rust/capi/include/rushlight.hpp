// Rushlight from C++17: rushlight.h with owners and exceptions.
//
//     rushlight::Graph graph("model.rlg");
//     auto x = rushlight::Tensor::of<float>({1, 1, 28, 28}, pixels);
//     std::vector<rushlight::Tensor> y = graph(x);
//     const float *logits = y[0].data<float>();
#ifndef RUSHLIGHT_HPP
#define RUSHLIGHT_HPP

#include "rushlight.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rushlight {

// What went wrong, with the library's words and code.
class Error : public std::runtime_error {
  public:
    explicit Error(RlStatus status) : std::runtime_error(rl_last_error()), status_(status) {}
    RlStatus status() const noexcept { return status_; }

  private:
    RlStatus status_;
};

inline void check(RlStatus status) {
    if (status != RL_OK) throw Error(status);
}

// The dtype of an element type.
template <typename T> struct DTypeOf;
template <> struct DTypeOf<bool> { static constexpr RlDType value = RL_BOOL; };
template <> struct DTypeOf<std::uint8_t> { static constexpr RlDType value = RL_UINT8; };
template <> struct DTypeOf<std::int8_t> { static constexpr RlDType value = RL_INT8; };
template <> struct DTypeOf<std::int16_t> { static constexpr RlDType value = RL_INT16; };
template <> struct DTypeOf<std::int32_t> { static constexpr RlDType value = RL_INT32; };
template <> struct DTypeOf<std::int64_t> { static constexpr RlDType value = RL_INT64; };
template <> struct DTypeOf<float> { static constexpr RlDType value = RL_FLOAT32; };
template <> struct DTypeOf<double> { static constexpr RlDType value = RL_FLOAT64; };

// A tensor: moves, and frees itself.
class Tensor {
  public:
    Tensor(RlDType dtype, const std::vector<std::size_t> &shape, const void *data) {
        RlTensor *made = nullptr;
        check(rl_tensor_new(dtype, shape.data(), shape.size(), data, &made));
        handle_.reset(made);
    }

    // A copy of elements, row-major.
    template <typename T> static Tensor of(const std::vector<std::size_t> &shape, const T *data) {
        return Tensor(DTypeOf<T>::value, shape, data);
    }
    template <typename T> static Tensor of(const std::vector<std::size_t> &shape, const std::vector<T> &data) {
        std::size_t numel = 1;
        for (std::size_t size : shape) numel *= size;
        if (numel != data.size()) throw std::invalid_argument("the shape does not have as many elements as the data");
        return Tensor(DTypeOf<T>::value, shape, data.data());
    }

    RlDType dtype() const { return static_cast<RlDType>(rl_tensor_dtype(handle_.get())); }
    std::size_t numel() const { return rl_tensor_numel(handle_.get()); }
    std::vector<std::size_t> shape() const {
        const std::size_t *sizes = rl_tensor_shape(handle_.get());
        return std::vector<std::size_t>(sizes, sizes + rl_tensor_dims(handle_.get()));
    }
    // The elements, row-major, valid as long as the tensor. Throws if they are of another type.
    template <typename T> const T *data() const {
        if (dtype() != DTypeOf<T>::value) throw std::invalid_argument("the tensor has another dtype");
        return static_cast<const T *>(rl_tensor_data(handle_.get()));
    }
    const RlTensor *handle() const { return handle_.get(); }

  private:
    friend class Graph;
    struct Free {
        void operator()(RlTensor *tensor) const { rl_tensor_free(tensor); }
    };
    explicit Tensor(RlTensor *owned) : handle_(owned) {}
    std::unique_ptr<RlTensor, Free> handle_;
};

// A loaded graph. Several threads may run it at once.
class Graph {
  public:
    explicit Graph(const std::string &path) {
        RlGraph *made = nullptr;
        check(rl_graph_load(path.c_str(), &made));
        handle_.reset(made);
    }
    Graph(const std::uint8_t *bytes, std::size_t len) {
        RlGraph *made = nullptr;
        check(rl_graph_load_memory(bytes, len, &made));
        handle_.reset(made);
    }

    std::size_t inputs() const { return rl_graph_inputs(handle_.get()); }
    std::size_t outputs() const { return rl_graph_outputs(handle_.get()); }

    std::vector<Tensor> run(const std::vector<const Tensor *> &inputs) const {
        std::vector<const RlTensor *> given;
        for (const Tensor *input : inputs) given.push_back(input ? input->handle() : nullptr);
        std::vector<RlTensor *> made(outputs(), nullptr);
        std::vector<Tensor> owned;
        owned.reserve(made.size());
        check(rl_graph_run(handle_.get(), given.data(), given.size(), made.data(), made.size()));
        for (RlTensor *tensor : made) owned.push_back(Tensor(tensor));
        return owned;
    }
    // graph(x, y)
    template <typename... Inputs> std::vector<Tensor> operator()(const Inputs &...inputs) const { return run({&inputs...}); }

  private:
    struct Free {
        void operator()(RlGraph *graph) const { rl_graph_free(graph); }
    };
    std::unique_ptr<RlGraph, Free> handle_;
};

}  // namespace rushlight

#endif
