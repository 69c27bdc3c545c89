/* Rushlight from C: load a graph that `torch.jit.save` wrote, run it, free it. No Python.
 *
 *     RlGraph *graph = NULL;
 *     if (rl_graph_load("model.rlg", &graph) != RL_OK) { puts(rl_last_error()); return 1; }
 *
 * Every handle is freed by its own `_free`, which takes NULL. Functions that can fail return a code; the words for it are
 * `rl_last_error()`, kept for the calling thread. A graph may be run by several threads at once; a tensor may be read by
 * several. Nothing throws, unwinds or aborts.
 *
 * Link with -lrushlight_c, or with librushlight_c.a and -lpthread -ldl -lm.
 */
#ifndef RUSHLIGHT_H
#define RUSHLIGHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RlGraph RlGraph;
typedef struct RlTensor RlTensor;

/* What functions return. */
typedef enum RlStatus {
    RL_OK = 0,
    RL_BAD_ARGUMENT = 1,  /* null, of a wrong size, out of range */
    RL_BAD_FILE = 2,      /* cannot be read, is damaged, or newer than this library */
    RL_FAILED = 3,        /* the program failed on these inputs */
    RL_OUT_OF_MEMORY = 4,
    RL_INTERNAL = 5       /* an error of the library: please report it */
} RlStatus;

/* Element types. A bool is one byte, 0 or 1; complex numbers are pairs. */
typedef enum RlDType {
    RL_BOOL = 0,
    RL_UINT8 = 1,
    RL_INT8 = 2,
    RL_INT16 = 3,
    RL_INT32 = 4,
    RL_INT64 = 5,
    RL_FLOAT16 = 6,
    RL_BFLOAT16 = 7,
    RL_FLOAT32 = 8,
    RL_FLOAT64 = 9,
    RL_COMPLEX64 = 10,
    RL_COMPLEX128 = 11
} RlDType;

/* The words for this thread's last error, valid until its next failing call. Never NULL. */
const char *rl_last_error(void);
/* The library's version. */
const char *rl_version(void);
/* How many threads kernels use, 1 to 4096. */
RlStatus rl_set_num_threads(size_t count);

/* Reads a graph from a file (path in UTF-8) or from memory, which is copied. */
RlStatus rl_graph_load(const char *path, RlGraph **graph);
RlStatus rl_graph_load_memory(const uint8_t *bytes, size_t len, RlGraph **graph);
void rl_graph_free(RlGraph *graph);
/* How many tensors the graph takes and gives. */
size_t rl_graph_inputs(const RlGraph *graph);
size_t rl_graph_outputs(const RlGraph *graph);
/* Runs the graph. `outputs` has room for `n_outputs` handles, which must be what `rl_graph_outputs` says; on success they
 * are new tensors, to be freed by the caller. On failure none is written. */
RlStatus rl_graph_run(const RlGraph *graph, const RlTensor *const *inputs, size_t n_inputs, RlTensor **outputs,
                      size_t n_outputs);

/* A tensor of `dims` sizes with a copy of `data`, row-major. */
RlStatus rl_tensor_new(uint32_t dtype, const size_t *shape, size_t dims, const void *data, RlTensor **tensor);
void rl_tensor_free(RlTensor *tensor);
uint32_t rl_tensor_dtype(const RlTensor *tensor);
size_t rl_tensor_dims(const RlTensor *tensor);
const size_t *rl_tensor_shape(const RlTensor *tensor);
size_t rl_tensor_numel(const RlTensor *tensor);
/* The elements, row-major, valid as long as the tensor. */
const void *rl_tensor_data(const RlTensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
