// Runs a network that examples/export.py has saved on its test digits, and compares with what Python gave, bit by bit.
//
//     make -C examples/cpp && examples/cpp/digits mnist.rlg digits.bin

#include <rushlight.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

namespace {

template <typename T> std::vector<T> take(std::istream &file, std::size_t count) {
    std::vector<T> all(count);
    if (!file.read(reinterpret_cast<char *>(all.data()), static_cast<std::streamsize>(count * sizeof(T))))
        throw std::runtime_error("the file of digits is cut short");
    return all;
}

double since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

int run(const char *model, const char *digits) {
    std::ifstream file(digits, std::ios::binary);
    const auto sizes = take<std::uint64_t>(file, 3);
    const std::size_t count = sizes[0], classes = sizes[1], batch = sizes[2], pixels = 28 * 28;
    const auto images = take<float>(file, count * pixels);
    const auto labels = take<std::int64_t>(file, count);
    const auto expected = take<float>(file, count * classes);

    auto start = std::chrono::steady_clock::now();
    const rushlight::Graph graph(model);
    std::printf("loaded in %.1f ms\n", since(start));

    start = std::chrono::steady_clock::now();
    std::vector<float> logits;
    for (std::size_t at = 0; at < count; at += batch) {
        const std::size_t n = std::min(batch, count - at);
        const auto x = rushlight::Tensor::of<float>({n, 1, 28, 28}, images.data() + at * pixels);
        const auto y = graph(x);
        logits.insert(logits.end(), y[0].data<float>(), y[0].data<float>() + y[0].numel());
    }
    std::printf("%zu digits in %.1f ms\n", count, since(start));

    std::size_t right = 0, differ = logits.size() != expected.size();
    for (std::size_t i = 0; i < count; ++i) {
        const float *row = logits.data() + i * classes;
        right += std::max_element(row, row + classes) - row == labels[i];
    }
    for (std::size_t i = 0; i < std::min(logits.size(), expected.size()); ++i)
        differ += std::memcmp(&logits[i], &expected[i], sizeof(float)) != 0;
    std::printf("accuracy %.2f %%, %zu of %zu logits differ from Python's\n", 100.0 * right / count, differ, logits.size());
    return differ > 0;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: digits mnist.rlg digits.bin\n");
        return 2;
    }
    try {
        return run(argv[1], argv[2]);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
